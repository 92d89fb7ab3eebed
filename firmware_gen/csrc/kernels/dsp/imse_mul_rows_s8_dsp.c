#include "imse_mul_s8_dsp.h"

void imse_mul_rows_s8_dsp(const imse_mul_rows_dsp_t *p, const int8_t *a, const int8_t *b,
                          int8_t *out) {
  const int32_t a_offset = -(p->a_zero_point * 2);
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  const int32_t n = p->n;
  for (int32_t r = 0; r < p->rows; ++r) {
    const int32_t factor = *b - p->b_zero_point;
    const int32_t constant = factor * a_offset;
    const int32_t twice = 2 * factor;
    for (int32_t i = 0; i < n; ++i) {
      out[i] = imse_scale_s8(a[i] * twice + constant, mantissa, add, shift);
    }
    a += p->a_pitch;
    b += p->b_pitch;
    out += p->out_pitch;
  }
}
