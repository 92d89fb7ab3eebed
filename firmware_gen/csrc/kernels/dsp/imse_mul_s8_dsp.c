#include "imse_mul_s8_dsp.h"

void imse_mul_s8_dsp(const imse_mul_dsp_t *p, const int8_t *a, int32_t a_step, const int8_t *b,
                     int32_t b_step, int8_t *out, int32_t n) {
  const int32_t a_offset_twice = p->a_offset_twice;
  const int32_t b_offset = p->b_offset;
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  const int8_t *const end = out + n;
  while (out < end) {
    const int32_t twice = (a_offset_twice + *a * 2) * (b_offset + *b);
    *out++ = (int8_t)imse_ssat8(imse_scale_twice(twice, mantissa, add, shift));
    a += a_step;
    b += b_step;
  }
}
