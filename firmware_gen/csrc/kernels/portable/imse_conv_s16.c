#include "imse_conv_s16.h"

#include "imse_fixedpoint.h"

void imse_conv_s16(const imse_conv_s16_t *p, const int16_t *const *tap, int16_t *out) {
  for (int32_t x = 0; x < p->pixels; ++x) {
    const int8_t *w = p->weights;
    for (int32_t c = 0; c < p->out_channels; ++c) {
      const imse_channel_s16_t *q = &p->channels[c];
      int64_t sum = q->bias;
      for (int32_t t = 0; t < p->taps; ++t) {
        const int16_t *in = tap[t] + x * p->step;
        for (int32_t k = 0; k < p->run; ++k) {
          sum += (int32_t)in[k] * *w++;
        }
      }
      const int32_t value = imse_multiply_wide(sum, q->mantissa, q->shift);
      out[c] = (int16_t)imse_clamp(value, p->low, p->high);
    }
    out += p->out_pitch;
  }
}
