#include "imse_dwconv_s16.h"

#include "imse_fixedpoint.h"

void imse_dwconv_s16(const imse_dwconv_s16_t *p, const int16_t *const *tap, int16_t *out) {
  for (int32_t x = 0; x < p->pixels; ++x) {
    for (int32_t c = 0; c < p->channels; ++c) {
      const imse_channel_s16_t *q = &p->params[c];
      const int32_t in = x * p->step + c / p->multiplier;
      int64_t sum = q->bias;
      for (int32_t t = 0; t < p->taps; ++t) {
        sum += (int32_t)tap[t][in] * p->weights[t * p->channels + c];
      }
      const int32_t value = imse_multiply_wide(sum, q->mantissa, q->shift);
      out[c] = (int16_t)imse_clamp(value, p->low, p->high);
    }
    out += p->out_pitch;
  }
}
