#include "imse_mul_s8_dsp.h"

void imse_mul_rows_s8_dsp(const imse_mul_rows_dsp_t *p, const int8_t *a, const int8_t *b,
                          int8_t *out) {
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  const int32_t n = p->n;
  for (int32_t r = p->rows; r > 0; --r) {
    const int32_t factor = *b - p->b_zero_point;
    const int32_t constant = factor * p->a_offset_twice;
    const int32_t both = imse_pair(2 * factor, 2 * factor);
    for (int32_t i = 0; i < n; i += 4) {
      const uint32_t word = imse_load4(a);
      const int32_t even = imse_sxtb16(word);
      const int32_t odd = imse_sxtb16_high(word);
      out[0] = imse_scale_s8(imse_smlabb(even, both, constant), mantissa, add, shift);
      out[1] = imse_scale_s8(imse_smlabb(odd, both, constant), mantissa, add, shift);
      out[2] = imse_scale_s8(imse_smlatt(even, both, constant), mantissa, add, shift);
      out[3] = imse_scale_s8(imse_smlatt(odd, both, constant), mantissa, add, shift);
      a += 4;
      out += 4;
    }
    a += p->a_gap;
    b += p->b_pitch;
    out += p->out_gap;
  }
}
