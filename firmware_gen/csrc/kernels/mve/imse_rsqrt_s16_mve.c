#include "imse_functions_mve.h"
#include "imse_root_mve.h"

void imse_rsqrt_s16_mve(const imse_multiplier_t *scale, const int16_t *in, int16_t *out,
                        int32_t n) {
  const int32_t mantissa = scale->mantissa;
  const int32_t shift = scale->shift - IMSE_ROOT_BITS;
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = shift - left;
  for (; n >= 4; n -= 4) {
    vstrhq_s32(out, imse_root_mve(vldrhq_s32(in), mantissa, left, right));
    in += 4;
    out += 4;
  }
  if (n > 0) {
    const mve_pred16_t lanes = vctp32q((uint32_t)n);
    vstrhq_p_s32(out, imse_root_mve(vldrhq_z_s32(in, lanes), mantissa, left, right), lanes);
  }
}
