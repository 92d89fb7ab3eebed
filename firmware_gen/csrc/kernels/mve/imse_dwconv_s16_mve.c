#include "imse_dwconv_s16_mve.h"

#include "imse_mve.h"

static inline int32x4_t scaled(int32x4_t value, const int32_t *factor, const int32_t *shift) {
  return vrshlq_s32(vqdmulhq_s32(value, vldrwq_s32(factor)), vldrwq_s32(shift));
}

void imse_dwconv_s16_mve(const imse_dwconv_mve_t *p, const int16_t *const *tap, int16_t *out) {
  const int32_t *q = p->params;
  const int8_t *weights = p->weights;
  const int32_t taps = p->taps;
  const int16x8_t low = vdupq_n_s16((int16_t)p->low);
  const int16x8_t high = vdupq_n_s16((int16_t)p->high);
  for (int32_t c = 0; c < p->channels; c += 8) {
    const mve_pred16_t lanes = vctp16q((uint32_t)(p->channels - c));
    int16_t *to = out + c;
    int32_t in = c;
    for (int32_t x = 0; x < p->pixels; ++x) {
      int32x4_t even = vldrwq_s32(q);
      int32x4_t odd = vldrwq_s32(q + 4);
      const int8_t *w = weights;
      for (int32_t t = 0; t < taps; ++t) {
        const int16x8_t value = vldrhq_z_s16(tap[t] + in, lanes);
        const int16x8_t weight = vldrbq_s16(w);
        even = vaddq_s32(even, vmullbq_int_s16(value, weight));
        odd = vaddq_s32(odd, vmulltq_int_s16(value, weight));
        w += 8;
      }
      const int16x8_t value =
          imse_merge_mve(scaled(even, q + 8, q + 16), scaled(odd, q + 12, q + 20));
      vstrhq_p_s16(to, vminq_s16(vmaxq_s16(value, low), high), lanes);
      in += p->step;
      to += p->out_pitch;
    }
    weights += 8 * taps;
    q += 24;
  }
}
