#include "imse_add_s8_dsp.h"

void imse_add_s8_dsp(const imse_add_dsp_t *p, const int8_t *big, const int8_t *small, int8_t *out) {
  const int32_t *const share = p->small + 128;
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  const int8_t *const end = out + p->n;
  while (out < end) {
    const int32_t twice = share[*small++] + *big++ * (1 << 20);
    *out++ = imse_scale_s8(twice, mantissa, add, shift);
  }
}
