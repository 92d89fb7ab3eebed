#include "imse_window_mean_s8_dsp.h"

void imse_window_mean_s8_dsp(const imse_window_mean_dsp_t *p, const int8_t *newest, int32_t *sums,
                             int8_t *out) {
  const imse_window_channel_dsp_t *const end = p->params + p->channels;
  for (const imse_window_channel_dsp_t *q = p->params; q < end; ++q) {
    const int32_t sum = *sums + *newest++;
    *sums++ = sum;
    *out++ = imse_scale_s8(sum * q->weight + q->bias, q->mantissa, q->add, q->shift);
  }
}
