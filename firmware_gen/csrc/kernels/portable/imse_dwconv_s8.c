#include "imse_dwconv_s8.h"

#include "imse_fixedpoint.h"

void imse_dwconv_s8(const imse_dwconv_t *p, const int8_t *const *tap, int8_t *out) {
  for (int32_t x = 0; x < p->pixels; ++x) {
    for (int32_t c = 0; c < p->channels; ++c) {
      const imse_channel_t *q = &p->params[c];
      const int32_t in = x * p->step + c / p->multiplier;
      int32_t sum = q->bias;
      for (int32_t t = 0; t < p->taps; ++t) {
        sum += (tap[t][in] + p->input_offset) * p->weights[t * p->channels + c];
      }
      const int32_t value = imse_multiply(sum, q->mantissa, q->shift) + p->output_offset;
      out[c] = (int8_t)imse_clamp(value, p->low, p->high);
    }
    out += p->out_pitch;
  }
}
