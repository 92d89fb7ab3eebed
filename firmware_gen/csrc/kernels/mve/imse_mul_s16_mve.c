#include "imse_elementwise_mve.h"

void imse_mul_s16_mve(const imse_mul_t *p, const imse_grid_t *g, const int16_t *a,
                      const int16_t *b, int16_t *out) {
  const uint16x8_t a_steps = imse_steps_mve(g->a_step);
  const uint16x8_t b_steps = imse_steps_mve(g->b_step);
  const int16x8_t low = vdupq_n_s16((int16_t)p->low);
  const int16x8_t high = vdupq_n_s16((int16_t)p->high);
  for (int32_t r = 0; r < g->rows; ++r) {
    const int16_t *x = a;
    const int16_t *y = b;
    int16_t *to = out;
    for (int32_t n = g->n; n > 0; n -= 8) {
      const mve_pred16_t lanes = vctp16q((uint32_t)n);
      const int16x8_t first = vldrhq_gather_shifted_offset_z_s16(x, a_steps, lanes);
      const int16x8_t second = vldrhq_gather_shifted_offset_z_s16(y, b_steps, lanes);
      const int32x4_t even =
          imse_scale_mve(vmullbq_int_s16(first, second), p->out.mantissa, p->out.shift);
      const int32x4_t odd =
          imse_scale_mve(vmulltq_int_s16(first, second), p->out.mantissa, p->out.shift);
      const int16x8_t value = imse_merge_mve(even, odd);
      vstrhq_p_s16(to, vminq_s16(vmaxq_s16(value, low), high), lanes);
      x += 8 * g->a_step;
      y += 8 * g->b_step;
      to += 8;
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}
