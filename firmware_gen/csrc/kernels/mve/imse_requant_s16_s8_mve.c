#include "imse_elementwise_mve.h"

void imse_requant_s16_s8_mve(const imse_requant_t *p, const int16_t *in, int8_t *out, int32_t n) {
  const int32x4_t low = vdupq_n_s32(p->low);
  const int32x4_t high = vdupq_n_s32(p->high);
  for (; n > 0; n -= 4) {
    const mve_pred16_t lanes = vctp32q((uint32_t)n);
    const int32x4_t x = vaddq_n_s32(vldrhq_z_s32(in, lanes), p->input_offset);
    const int32x4_t scaled = imse_scale_any_mve(x, p->out.mantissa, p->out.shift);
    const int32x4_t value = vaddq_n_s32(scaled, p->output_offset);
    vstrbq_p_s32(out, vminq_s32(vmaxq_s32(value, low), high), lanes);
    in += 4;
    out += 4;
  }
}
