#include "imse_pair_s16_dsp.h"

/* value * 2^15 * mantissa / 2^31, to nearest, halves up. */
static inline int32_t share(int32_t value, int32_t mantissa) {
  return (int32_t)(((int64_t)value * mantissa + (1 << 15)) >> 16);
}

void imse_add_s16_dsp(const imse_add_t *p, const int16_t *a, int32_t a_step, const int16_t *b,
                      int32_t b_step, int16_t *out, int32_t n) {
  const int32_t a_mantissa = p->a.mantissa;
  const int32_t b_mantissa = p->b.mantissa;
  const int32_t mantissa = p->out.mantissa;
  const int32_t a_shift = -p->a.shift;
  const int32_t b_shift = -p->b.shift;
  const int32_t shift = -p->out.shift;
  const int32_t sign = p->sign;
  const int32_t low = p->low;
  const int32_t high = p->high;
  for (int32_t i = 0; i < n; ++i) {
    const int32_t x = imse_round_shift(share(*a, a_mantissa), a_shift);
    const int32_t y = imse_round_shift(share(*b, b_mantissa), b_shift);
    const int32_t sum = x + sign * y;
    const int32_t value = imse_round_shift(imse_high_multiply(sum, mantissa), shift);
    out[i] = (int16_t)imse_clamp(value, low, high);
    a += a_step;
    b += b_step;
  }
}
