#include "imse_div_s8_dsp.h"

void imse_div_s8_dsp(const imse_div_dsp_t *p, const int8_t *a, int32_t a_step, const int8_t *b,
                     int32_t b_step, int8_t *out, int32_t n) {
  const imse_divisor_t *const divisors = p->divisors;
  const int32_t a_zero_point = p->a_zero_point;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  const int8_t *const end = out + n;
  while (out < end) {
    const imse_divisor_t *const divisor = &divisors[*b];
    const int32_t dividend = *a - a_zero_point;
    const int32_t factor = divisor->factor;
    const int32_t near = divisor->near;
    const uint32_t count = (uint32_t)near >> 16;
    if ((uint32_t)(dividend + (int16_t)near) >= count) {
      *out = (int8_t)imse_ssat8((imse_smlawb(factor, dividend, add)) >> shift);
    } else if (count == IMSE_DIV_EXACT) {
      imse_div_s8(p->exact, a, 0, b, 0, out, 1);
    } else {
      *out = (int8_t)(dividend == 0 ? p->of_zero : (dividend ^ factor) < 0 ? -128 : 127);
    }
    a += a_step;
    b += b_step;
    ++out;
  }
}
