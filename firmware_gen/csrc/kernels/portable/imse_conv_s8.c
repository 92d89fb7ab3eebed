#include "imse_conv_s8.h"

#include "imse_fixedpoint.h"

void imse_conv_s8(const imse_conv_t *p, const int8_t *const *tap, int8_t *out) {
  for (int32_t x = 0; x < p->pixels; ++x) {
    const int8_t *w = p->weights;
    for (int32_t c = 0; c < p->out_channels; ++c) {
      const imse_channel_t *q = &p->channels[c];
      int32_t sum = q->bias;
      for (int32_t t = 0; t < p->taps; ++t) {
        const int8_t *in = tap[t] + x * p->step;
        for (int32_t k = 0; k < p->run; ++k) {
          sum += (in[k] + p->input_offset) * *w++;
        }
      }
      const int32_t value = imse_multiply(sum, q->mantissa, q->shift) + p->output_offset;
      out[c] = (int8_t)imse_clamp(value, p->low, p->high);
    }
    out += p->out_pitch;
  }
}
