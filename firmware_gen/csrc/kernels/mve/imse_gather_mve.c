#include "imse_copy_mve.h"

#include "imse_mve.h"

void imse_gather_s8_mve(int8_t *out, const int8_t *in, int32_t in_step, int32_t n) {
  const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)in_step);
  for (; n > 0; n -= 4) {
    const mve_pred16_t lanes = vctp32q((uint32_t)n);
    vstrbq_p_s32(out, vldrbq_gather_offset_z_s32(in, steps, lanes), lanes);
    in += 4 * in_step;
    out += 4;
  }
}

void imse_gather_s16_mve(int16_t *out, const int16_t *in, int32_t in_step, int32_t n) {
  const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)in_step);
  for (; n > 0; n -= 4) {
    const mve_pred16_t lanes = vctp32q((uint32_t)n);
    vstrhq_p_s32(out, vldrhq_gather_shifted_offset_z_s32(in, steps, lanes), lanes);
    in += 4 * in_step;
    out += 4;
  }
}
