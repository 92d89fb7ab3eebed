#include "imse_elementwise_mve.h"

void imse_prelu_s8_mve(const imse_prelu_mve_t *p, const imse_grid_t *g, const int8_t *a,
                       const int8_t *b, int8_t *out) {
  const uint16x8_t a_steps = imse_steps_mve(g->a_step);
  const uint16x8_t b_steps = imse_steps_mve(g->b_step);
  const int16_t zero_point = (int16_t)p->zero_point;
  for (int32_t r = 0; r < g->rows; ++r) {
    const int8_t *x = a;
    const int8_t *y = b;
    int8_t *to = out;
    for (int32_t n = g->n; n > 0; n -= 8) {
      const mve_pred16_t lanes = vctp16q((uint32_t)n);
      const int16x8_t value = imse_load8_mve(x, a_steps, lanes);
      const int16x8_t slope =
          vaddq_n_s16(imse_load8_mve(y, b_steps, lanes), (int16_t)p->alpha_offset);
      const uint16x8_t index = vandq_u16(vreinterpretq_u16_s16(value), vdupq_n_u16(255));
      const int16x8_t positive = vldrbq_gather_offset_s16(p->positive, index);
      const int16x8_t centred = vsubq_n_s16(value, zero_point);
      const int32x4_t even =
          imse_scale_mve(vmullbq_int_s16(centred, slope), p->mantissa, p->shift);
      const int32x4_t odd =
          imse_scale_mve(vmulltq_int_s16(centred, slope), p->mantissa, p->shift);
      const int16x8_t sum = vqaddq_n_s16(imse_merge_mve(even, odd), (int16_t)p->output_offset);
      const int16x8_t limited = vmaxq_s16(vminq_s16(sum, vdupq_n_s16(127)), vdupq_n_s16(-128));
      const int16x8_t chosen = vpselq_s16(positive, limited, vcmpgeq_n_s16(centred, 0));
      vstrbq_p_s16(to, chosen, lanes);
      x += 8 * g->a_step;
      y += 8 * g->b_step;
      to += 8;
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}
