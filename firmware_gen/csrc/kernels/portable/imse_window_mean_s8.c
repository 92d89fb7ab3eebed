#include "imse_window_mean_s8.h"

#include "imse_fixedpoint.h"

void imse_window_mean_s8(const imse_window_mean_t *p, const int8_t *newest, int32_t *sums,
                         int8_t *out) {
  for (int32_t c = 0; c < p->channels; ++c) {
    const imse_channel_t *q = &p->params[c];
    sums[c] += newest[c];
    const int32_t sum = sums[c] * p->weights[c] + q->bias;
    const int32_t value = imse_multiply(sum, q->mantissa, q->shift) + p->output_offset;
    out[c] = (int8_t)imse_clamp(value, p->low, p->high);
  }
}

void imse_window_drop_s8(const int8_t *oldest, int32_t *sums, int32_t channels) {
  for (int32_t c = 0; c < channels; ++c) {
    sums[c] -= oldest[c];
  }
}
