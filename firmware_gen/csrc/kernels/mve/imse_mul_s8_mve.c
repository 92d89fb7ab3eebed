#include "imse_elementwise_mve.h"

static inline int16x8_t product(const imse_mul_t *p, int16x8_t a, int16x8_t b) {
  const int16x8_t x = vaddq_n_s16(a, (int16_t)p->a_offset);
  const int16x8_t y = vaddq_n_s16(b, (int16_t)p->b_offset);
  const int32x4_t even = imse_scale_mve(vmullbq_int_s16(x, y), p->out.mantissa, p->out.shift);
  const int32x4_t odd = imse_scale_mve(vmulltq_int_s16(x, y), p->out.mantissa, p->out.shift);
  const int16x8_t sum = vqaddq_n_s16(imse_merge_mve(even, odd), (int16_t)p->output_offset);
  return vminq_s16(vmaxq_s16(sum, vdupq_n_s16((int16_t)p->low)), vdupq_n_s16((int16_t)p->high));
}

void imse_mul_s8_mve(const imse_mul_t *p, const imse_grid_t *g, const int8_t *a, const int8_t *b,
                     int8_t *out) {
  const imse_mul_t local = *p;
  const uint16x8_t a_steps = imse_steps_mve(g->a_step);
  const uint16x8_t b_steps = imse_steps_mve(g->b_step);
  const int32_t dense = g->a_step == 1 && g->b_step == 1;
  for (int32_t r = 0; r < g->rows; ++r) {
    const int8_t *x = a;
    const int8_t *y = b;
    int8_t *to = out;
    int32_t n = g->n;
    if (dense) {
      for (int32_t i = n >> 3; i > 0; --i) {
        vstrbq_s16(to, product(&local, vldrbq_s16(x), vldrbq_s16(y)));
        x += 8;
        y += 8;
        to += 8;
      }
      n &= 7;
    }
    for (; n > 0; n -= 8) {
      const mve_pred16_t lanes = vctp16q((uint32_t)n);
      const int16x8_t first = imse_load8_mve(x, a_steps, lanes);
      const int16x8_t second = imse_load8_mve(y, b_steps, lanes);
      vstrbq_p_s16(to, product(&local, first, second), lanes);
      x += 8 * g->a_step;
      y += 8 * g->b_step;
      to += 8;
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}
