#include "imse_dwconv_s8_mve.h"

#include "imse_mve.h"

static inline int32x4_t scaled(int32x4_t value, const int32_t *mantissa, const int32_t *shift) {
  const int32x4_t high = vqrdmulhq_s32(value, vldrwq_s32(mantissa));
  return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(value, 31)), vldrwq_s32(shift));
}

void imse_dwconv_s8_mve(const imse_dwconv_mve_t *p, const int8_t *const *tap, int8_t *out) {
  const int32_t *q = p->params;
  const int8_t *weights = p->weights;
  const int32_t taps = p->taps;
  const int16x8_t low = vdupq_n_s16((int16_t)p->low);
  const int16x8_t high = vdupq_n_s16((int16_t)p->high);
  for (int32_t c = 0; c < p->channels; c += 8) {
    const mve_pred16_t lanes = vctp16q((uint32_t)(p->channels - c));
    int8_t *to = out + c;
    int32_t in = c;
    for (int32_t x = 0; x < p->pixels; ++x) {
      int32x4_t even = vldrwq_s32(q);
      int32x4_t odd = vldrwq_s32(q + 4);
      const int8_t *w = weights;
      int32_t t = 0;
      for (; t + 1 < taps; t += 2) {
        /* Two products fit 16 bits. */
        const int16x8_t first = vmulq_s16(vldrbq_z_s16(tap[t] + in, lanes), vldrbq_s16(w));
        const int16x8_t second =
            vmulq_s16(vldrbq_z_s16(tap[t + 1] + in, lanes), vldrbq_s16(w + 8));
        const int16x8_t sum = vaddq_s16(first, second);
        even = vaddq_s32(even, vmovlbq_s16(sum));
        odd = vaddq_s32(odd, vmovltq_s16(sum));
        w += 16;
      }
      if (t < taps) {
        const int16x8_t last = vmulq_s16(vldrbq_z_s16(tap[t] + in, lanes), vldrbq_s16(w));
        even = vaddq_s32(even, vmovlbq_s16(last));
        odd = vaddq_s32(odd, vmovltq_s16(last));
      }
      const int16x8_t value =
          imse_merge_mve(scaled(even, q + 8, q + 16), scaled(odd, q + 12, q + 20));
      const int16x8_t sum = vqaddq_n_s16(value, (int16_t)p->output_offset);
      vstrbq_p_s16(to, vminq_s16(vmaxq_s16(sum, low), high), lanes);
      in += p->step;
      to += p->out_pitch;
    }
    weights += 8 * taps;
    q += 24;
  }
}
