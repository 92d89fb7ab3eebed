#include "imse_conv_s8_dsp.h"

#include "imse_dot.h"

/* Expands one run of one pixel into every other pair of words; returns the place behind it. */
static int32_t *expand(const int8_t *in, int32_t run, int32_t *to) {
  for (; run >= 4; run -= 4) {
    const uint32_t word = imse_load4(in);
    to[0] = imse_sxtb16(word);
    to[1] = imse_sxtb16_high(word);
    in += 4;
    to += 4;
  }
  if (run > 0) {
    uint32_t word = 0;
    for (int32_t i = 0; i < run; ++i) {
      word |= (uint32_t)(uint8_t)in[i] << (8 * i);
    }
    to[0] = imse_sxtb16(word);
    to[1] = imse_sxtb16_high(word);
    to += 4;
  }
  return to;
}

void imse_conv_s8_dsp(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out) {
  const int32_t quads = p->taps * ((p->run + 3) >> 2);
  const int32_t channels = p->out_channels;
  for (int32_t x = 0; x < p->pixels; x += 2) {
    const int32_t two = x + 1 < p->pixels;
    const int32_t offset = x * p->step;
    int32_t *to = p->scratch;
    for (int32_t t = 0; t < p->taps; ++t) {
      const int8_t *in = tap[t] + offset;
      (void)expand(in + (two ? p->step : 0), p->run, to + 2);
      to = expand(in, p->run, to);
    }
    const int32_t *w = p->weights;
    const imse_scale_t *q = p->channels;
    int8_t *first = out;
    int8_t *second = out + p->out_pitch;
    for (int32_t c = 0; c < channels; c += 2) {
      int32_t sum[4] = {q[0].bias, q[1].bias, q[0].bias, q[1].bias};
      imse_dot_2x2(p->scratch, w, quads, sum);
      first[c] = imse_scale_s8(sum[0], &q[0]);
      if (c + 1 < channels) {
        first[c + 1] = imse_scale_s8(sum[1], &q[1]);
      }
      if (two) {
        second[c] = imse_scale_s8(sum[2], &q[0]);
        if (c + 1 < channels) {
          second[c + 1] = imse_scale_s8(sum[3], &q[1]);
        }
      }
      w += 4 * quads;
      q += 2;
    }
    out += 2 * p->out_pitch;
  }
}
