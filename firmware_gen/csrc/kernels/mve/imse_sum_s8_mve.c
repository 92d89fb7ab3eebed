#include "imse_elementwise_mve.h"

enum { SUM_BITS = 22 };

static inline int32x4_t sum(int32x4_t a, int32x4_t b, const int32_t *shares, int32x4_t factor) {
  const int32x4_t line = vmulhq_s32(vshlq_n_s32(a, 24), factor);
  const int32x4_t share =
      vldrwq_gather_shifted_offset_s32(shares, vreinterpretq_u32_s32(b));
  const int32x4_t total = vshrq_n_s32(vaddq_s32(line, share), SUM_BITS);
  /* It fits 16 bits, so one saturation does. */
  const int16x8_t halves = vreinterpretq_s16_s32(total);
  return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s32(total), halves));
}

void imse_sum_s8_mve(const imse_sum_mve_t *p, const imse_grid_t *g, const int8_t *a,
                     const int8_t *b, int8_t *out) {
  const int32_t *const shares = p->shares;
  const int32x4_t factor = vdupq_n_s32(p->factor);
  const uint32x4_t a_steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)g->a_step);
  const uint32x4_t b_steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)g->b_step);
  const int32_t dense = g->a_step == 1 && g->b_step == 1;
  for (int32_t r = 0; r < g->rows; ++r) {
    const int8_t *x = a;
    const int8_t *y = b;
    int8_t *to = out;
    int32_t n = g->n;
    if (dense) {
      for (int32_t i = n >> 2; i > 0; --i) {
        vstrbq_s32(to, sum(vldrbq_s32(x), vldrbq_s32(y), shares, factor));
        x += 4;
        y += 4;
        to += 4;
      }
      n &= 3;
    }
    for (; n > 0; n -= 4) {
      const mve_pred16_t lanes = vctp32q((uint32_t)n);
      const int32x4_t first = vldrbq_gather_offset_z_s32(x, a_steps, lanes);
      const int32x4_t second = vldrbq_gather_offset_z_s32(y, b_steps, lanes);
      vstrbq_p_s32(to, sum(first, second, shares, factor), lanes);
      x += 4 * g->a_step;
      y += 4 * g->b_step;
      to += 4;
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}
