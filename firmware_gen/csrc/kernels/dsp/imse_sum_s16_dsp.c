#include "imse_pair_s16_dsp.h"

void imse_sum_s16_dsp(const imse_sum_s16_dsp_t *p, const int16_t *big, int32_t big_step,
                      const int16_t *small, int32_t small_step, int16_t *out, int32_t n) {
  const imse_sum_s16_dsp_t q = *p;
  for (const int16_t *const end = out + n; out < end; ++out) {
    const int32_t share =
        imse_scale_twice(*small * (1 << 16), q.small.mantissa, q.small.add, q.small.shift);
    const int32_t twice = share * q.small_factor + *big * q.big_factor;
    *out = imse_scale_s16(twice, q.out.mantissa, q.out.add, q.out.shift);
    big += big_step;
    small += small_step;
  }
}
