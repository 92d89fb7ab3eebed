#include "imse_pair_s16_dsp.h"

void imse_mul_s16_dsp(const imse_mul_t *p, const int16_t *a, int32_t a_step, const int16_t *b,
                      int32_t b_step, int16_t *out, int32_t n) {
  const int32_t mantissa = p->out.mantissa;
  const int32_t shift = -p->out.shift;
  const int32_t low = p->low;
  const int32_t high = p->high;
  for (int32_t i = 0; i < n; ++i) {
    const int32_t product = (int32_t)*a * *b;
    const int32_t value = imse_round_shift(imse_high_multiply(product, mantissa), shift);
    out[i] = (int16_t)imse_clamp(value, low, high);
    a += a_step;
    b += b_step;
  }
}
