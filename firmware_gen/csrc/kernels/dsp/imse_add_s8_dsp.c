#include "imse_add_s8_dsp.h"

void imse_add_s8_dsp(const imse_add_dsp_t *p, const int8_t *big, int32_t big_step,
                     const int8_t *small, int32_t small_step, int8_t *out, int32_t n) {
  const int32_t small_add = p->small_add;
  const int32_t small_mantissa = p->small_mantissa;
  const int32_t small_half = p->small_half;
  const int32_t small_shift = p->small_shift;
  const int32_t big_factor = p->big_factor;
  const int32_t constant = p->constant;
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  const int8_t *const end = out + n;
  if (small_shift == 0) {
    while (out < end) {
      const int32_t twice = constant + *big * big_factor + *small * (1 << 20);
      *out++ = (int8_t)imse_ssat8(imse_scale_twice(twice, mantissa, add, shift));
      big += big_step;
      small += small_step;
    }
    return;
  }
  while (out < end) {
    const int32_t x = small_add + *small * (1 << 21);
    const int32_t y = imse_scale_twice(x, small_mantissa, small_half, small_shift);
    const int32_t twice = constant + *big * big_factor + y * 2;
    *out++ = (int8_t)imse_ssat8(imse_scale_twice(twice, mantissa, add, shift));
    big += big_step;
    small += small_step;
  }
}
