#include "imse_elementwise_mve.h"

void imse_mul_table_s8_mve(const imse_mul_t *p, const int16_t *table, const imse_grid_t *g,
                           const int8_t *a, const int8_t *b, int8_t *out) {
  const int32_t mantissa = p->out.mantissa;
  const int32_t shift = p->out.shift;
  const uint16x8_t a_steps = imse_steps_mve(g->a_step);
  const uint16x8_t b_steps = imse_steps_mve(g->b_step);
  const int16x8_t low = vdupq_n_s16((int16_t)p->low);
  const int16x8_t high = vdupq_n_s16((int16_t)p->high);
  for (int32_t r = 0; r < g->rows; ++r) {
    const int8_t *x = a;
    const int8_t *y = b;
    int8_t *to = out;
    for (int32_t n = g->n; n > 0; n -= 8) {
      const mve_pred16_t lanes = vctp16q((uint32_t)n);
      const uint16x8_t index =
          vldrbq_gather_offset_z_u16((const uint8_t *)x, a_steps, lanes);
      const int16x8_t first = vldrhq_gather_shifted_offset_s16(table, index);
      const int16x8_t second =
          vaddq_n_s16(imse_load8_mve(y, b_steps, lanes), (int16_t)p->b_offset);
      const int32x4_t even = imse_scale_mve(vmullbq_int_s16(first, second), mantissa, shift);
      const int32x4_t odd = imse_scale_mve(vmulltq_int_s16(first, second), mantissa, shift);
      const int16x8_t sum = vqaddq_n_s16(imse_merge_mve(even, odd), (int16_t)p->output_offset);
      vstrbq_p_s16(to, vminq_s16(vmaxq_s16(sum, low), high), lanes);
      x += 8 * g->a_step;
      y += 8 * g->b_step;
      to += 8;
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}
