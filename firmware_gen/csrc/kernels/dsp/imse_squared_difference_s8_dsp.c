#include "imse_squared_difference_s8_dsp.h"

/* A square has no sign that the rounding would have to look at. */
static inline int8_t square(int32_t difference, int32_t mantissa, int32_t add, int32_t shift) {
  const int32_t twice = difference * difference * 2;
  return (int8_t)imse_ssat8(imse_smmlar(twice, mantissa, add) >> shift);
}

void imse_squared_difference_s8_dsp(const imse_square_s8_dsp_t *p, const int8_t *big,
                                    int32_t big_step, const int8_t *small, int32_t small_step,
                                    int8_t *out, int32_t n) {
  const int16_t *const share = p->small;
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  if (big_step == 1 && small_step == 1) {
    for (; n >= 4; n -= 4) {
      out[0] = square(big[0] * 64 - share[small[0]], mantissa, add, shift);
      out[1] = square(big[1] * 64 - share[small[1]], mantissa, add, shift);
      out[2] = square(big[2] * 64 - share[small[2]], mantissa, add, shift);
      out[3] = square(big[3] * 64 - share[small[3]], mantissa, add, shift);
      big += 4;
      small += 4;
      out += 4;
    }
  }
  for (; n > 0; --n) {
    *out++ = square(*big * 64 - share[*small], mantissa, add, shift);
    big += big_step;
    small += small_step;
  }
}
