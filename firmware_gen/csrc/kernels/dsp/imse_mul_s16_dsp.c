#include "imse_pair_s16_dsp.h"

void imse_mul_s16_dsp(const imse_scale_t *p, const int16_t *a, int32_t a_step, const int16_t *b,
                      int32_t b_step, int16_t *out, int32_t n) {
  const imse_scale_t q = *p;
  for (const int16_t *const end = out + n; out < end; ++out) {
    const int32_t product = *a * *b;
    *out = imse_scale_s16(imse_qadd(product, product), q.mantissa, q.add, q.shift);
    a += a_step;
    b += b_step;
  }
}
