#include "imse_mul_s8_dsp.h"

void imse_mul_stepped_s8_dsp(const imse_mul_dsp_t *p, const int8_t *a, int32_t a_step,
                             const int8_t *b, int32_t b_step, int8_t *out) {
  const int32_t a_offset_twice = p->a_offset_twice;
  const int32_t b_offset = p->b_offset;
  for (int32_t i = 0; i < p->n; ++i) {
    const int32_t twice = (a_offset_twice + *a * 2) * (b_offset + *b);
    out[i] = imse_scale_s8(twice, p->mantissa, p->add, p->shift);
    a += a_step;
    b += b_step;
  }
}
