#include "imse_elementwise_mve.h"

static inline int16x8_t changed(const imse_requant_t *p, int16x8_t value) {
  const int32x4_t even = imse_scale_down_mve(vmovlbq_s16(value), p->out.mantissa, p->out.shift);
  const int32x4_t odd = imse_scale_down_mve(vmovltq_s16(value), p->out.mantissa, p->out.shift);
  return imse_merge_mve(even, odd);
}

void imse_requant_s16_mve(const imse_requant_t *p, const int16_t *in, int16_t *out, int32_t n) {
  for (; n >= 8; n -= 8) {
    vstrhq_s16(out, changed(p, vldrhq_s16(in)));
    in += 8;
    out += 8;
  }
  if (n > 0) {
    const mve_pred16_t lanes = vctp16q((uint32_t)n);
    vstrhq_p_s16(out, changed(p, vldrhq_z_s16(in, lanes)), lanes);
  }
}
