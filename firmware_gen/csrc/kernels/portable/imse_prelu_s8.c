#include "imse_prelu_s8.h"

void imse_prelu_s8(const imse_prelu_t *p, const int8_t *in, const int8_t *alpha,
                   int32_t alpha_step, int8_t *out, int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    const int32_t x = in[i] + p->input_offset;
    const int32_t y = x >= 0 ? imse_multiply(x, p->positive.mantissa, p->positive.shift)
                             : imse_multiply(x * (*alpha + p->alpha_offset),
                                             p->negative.mantissa, p->negative.shift);
    out[i] = (int8_t)imse_clamp(y + p->output_offset, -128, 127);
    alpha += alpha_step;
  }
}
