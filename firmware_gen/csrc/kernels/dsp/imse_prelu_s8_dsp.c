#include "imse_prelu_s8_dsp.h"

void imse_prelu_s8_dsp(const imse_prelu_dsp_t *p, const int8_t *in, int8_t *out, int32_t rows) {
  const int8_t *const positive = p->positive;
  const int32_t zero_point = p->zero_point;
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  for (int32_t r = 0; r < rows; ++r) {
    const int32_t *slope = p->slopes;
    const int32_t *const end = slope + p->n;
    while (slope < end) {
      const int32_t x = *in++ - zero_point;
      const int32_t s = *slope++;
      if (x >= 0) {
        *out++ = positive[x];
      } else {
        *out++ = imse_scale_s8(x * s, mantissa, add, shift);
      }
    }
    in += p->in_pitch - p->n;
    out += p->out_pitch - p->n;
  }
}
