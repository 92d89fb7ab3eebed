#include "imse_window_mean_s8_dsp.h"

void imse_window_mean_s8_dsp(const imse_window_mean_dsp_t *p, const int8_t *newest, int32_t *sums,
                             int8_t *out) {
  const imse_scale_t q = p->out;
  const int32_t weight = p->weight;
  const int8_t *const end = newest + p->channels;
  while (newest < end) {
    const int32_t sum = *sums + *newest++;
    *sums++ = sum;
    *out++ = imse_scale_s8(sum * weight + q.bias, q.mantissa, q.add, q.shift);
  }
}
