#include "imse_sums_mve.h"

#include "imse_mve.h"

static int32x4_t finished(const imse_mean_t *p, int32x4_t sum) {
  const int32x4_t scaled = imse_scale_any_mve(sum, p->out.mantissa, p->out.shift);
  const int32x4_t value = vaddq_n_s32(scaled, p->output_offset);
  return vminq_s32(vmaxq_s32(value, vdupq_n_s32(-128)), vdupq_n_s32(127));
}

/* Rows that are columns of one value each: 16 values of a sum at a time. */
static void across(const imse_mean_t *p, const int8_t *in, int8_t *out) {
  for (int32_t c = 0; c < p->columns; ++c) {
    int32_t sum = p->input_offset;
    for (int32_t b = 0; b < p->blocks; ++b) {
      const int8_t *from = in + b * p->block_pitch + c * p->column_pitch;
      for (int32_t n = p->rows; n > 0; n -= 16) {
        const mve_pred16_t lanes = vctp8q((uint32_t)n);
        sum = vaddvaq_p_s8(sum, vldrbq_z_s8(from, lanes), lanes);
        from += 16;
      }
    }
    out[c] = (int8_t)vgetq_lane_s32(finished(p, vdupq_n_s32(sum)), 0);
  }
}

void imse_mean_s8_mve(const imse_mean_t *p, const int8_t *in, int8_t *out) {
  if (p->row_pitch == 1) {
    across(p, in, out);
    return;
  }
  const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)p->column_pitch);
  for (int32_t n = p->columns; n > 0; n -= 4) {
    const mve_pred16_t lanes = vctp32q((uint32_t)n);
    int32x4_t sum = vdupq_n_s32(p->input_offset);
    for (int32_t b = 0; b < p->blocks; ++b) {
      const int8_t *from = in + b * p->block_pitch;
      for (int32_t r = 0; r < p->rows; ++r) {
        sum = vaddq_s32(sum, vldrbq_gather_offset_z_s32(from, steps, lanes));
        from += p->row_pitch;
      }
    }
    vstrbq_p_s32(out, finished(p, sum), lanes);
    in += 4 * p->column_pitch;
    out += 4;
  }
}
