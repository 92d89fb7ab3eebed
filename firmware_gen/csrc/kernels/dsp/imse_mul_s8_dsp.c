#include "imse_mul_s8_dsp.h"

void imse_mul_s8_dsp(const imse_mul_dsp_t *p, const int8_t *a, const int8_t *b, int8_t *out,
                     int32_t n) {
  const int32_t a_offset_twice = p->a_offset_twice;
  const int32_t b_offset = p->b_offset;
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  const int8_t *const end = out + n;
  while (out < end) {
    const int32_t twice = (a_offset_twice + *a++ * 2) * (b_offset + *b++);
    *out++ = imse_scale_s8(twice, mantissa, add, shift);
  }
}
