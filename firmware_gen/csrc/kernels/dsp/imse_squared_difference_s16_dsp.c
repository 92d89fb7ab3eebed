#include "imse_pair_s16_dsp.h"

void imse_squared_difference_s16_dsp(const imse_square_s16_dsp_t *p, const int16_t *big,
                                     int32_t big_step, const int16_t *small, int32_t small_step,
                                     int16_t *out, int32_t n) {
  const imse_square_s16_dsp_t q = *p;
  for (const int16_t *const end = out + n; out < end; ++out) {
    const int32_t share = imse_scale_twice(*small * 2, q.small.mantissa, q.small.add, q.small.shift);
    const int32_t difference = share - ((*big + 1) >> 1);
    const int32_t square = difference * difference;
    *out = imse_scale_s16(imse_qadd(square, square), q.out.mantissa, q.out.add, q.out.shift);
    big += big_step;
    small += small_step;
  }
}
