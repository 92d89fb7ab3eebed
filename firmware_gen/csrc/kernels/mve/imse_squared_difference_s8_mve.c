#include "imse_elementwise_mve.h"

void imse_squared_difference_s8_mve(const imse_squared_difference_t *p, const imse_grid_t *g,
                                    const int8_t *a, const int8_t *b, int8_t *out) {
  const uint32x4_t a_steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)g->a_step);
  const uint32x4_t b_steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)g->b_step);
  for (int32_t r = 0; r < g->rows; ++r) {
    const int8_t *x = a;
    const int8_t *y = b;
    int8_t *to = out;
    for (int32_t n = g->n; n > 0; n -= 4) {
      const mve_pred16_t lanes = vctp32q((uint32_t)n);
      int32x4_t first = vldrbq_gather_offset_z_s32(x, a_steps, lanes);
      int32x4_t second = vldrbq_gather_offset_z_s32(y, b_steps, lanes);
      first = vshlq_r_s32(vaddq_n_s32(first, p->a_offset), p->left_shift);
      second = vshlq_r_s32(vaddq_n_s32(second, p->b_offset), p->left_shift);
      first = imse_scale_down_mve(first, p->a.mantissa, p->a.shift);
      second = imse_scale_down_mve(second, p->b.mantissa, p->b.shift);
      const int32x4_t difference = vsubq_s32(first, second);
      const int32x4_t value = imse_scale_any_mve(vmulq_s32(difference, difference),
                                                 p->out.mantissa, p->out.shift);
      const int32x4_t shifted = vaddq_n_s32(value, p->output_offset);
      const int32x4_t limited = vmaxq_s32(shifted, vdupq_n_s32(p->low));
      vstrbq_p_s32(to, vminq_s32(limited, vdupq_n_s32(p->high)), lanes);
      x += 4 * g->a_step;
      y += 4 * g->b_step;
      to += 4;
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}
