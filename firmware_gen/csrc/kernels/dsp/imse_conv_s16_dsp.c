#include "imse_conv_s16_dsp.h"

/* One run of one pixel into every other pair of words, filled up with zeros. */
static int32_t *place(const int16_t *in, int32_t run, int32_t *to) {
  for (; run >= 4; run -= 4) {
    to[0] = imse_load2(in);
    to[1] = imse_load2(in + 2);
    in += 4;
    to += 4;
  }
  if (run > 0) {
    to[0] = run > 1 ? imse_load2(in) : imse_pair(in[0], 0);
    to[1] = run > 2 ? imse_pair(in[2], 0) : 0;
    to += 4;
  }
  return to;
}

void imse_conv_s16_dsp(const imse_conv_s16_dsp_t *p, const int16_t *const *tap, int16_t *out) {
  const imse_limits_s16_t limits = p->limits;
  const int32_t quads = p->taps * ((p->run + 3) >> 2);
  for (int32_t x = 0; x < p->pixels; x += 2) {
    /* The last one of an odd number of pixels is computed twice, into the same place. */
    const int32_t more = x + 1 < p->pixels;
    int32_t *to = p->scratch;
    for (int32_t t = 0; t < p->taps; ++t) {
      const int16_t *const in = tap[t] + x * p->step;
      place(in + (more ? p->step : 0), p->run, to + 2);
      to = place(in, p->run, to);
    }
    int16_t *const second = out + (more ? p->out_pitch : 0);
    const int32_t *w = p->weights;
    for (int32_t c = 0; c < p->out_channels; c += 2) {
      int32_t sum[4] = {w[0], w[1], w[0], w[1]};
      w = imse_dot_2x2(p->scratch, w + 2, quads, sum);
      imse_round4_s16(sum, w, &limits, out + c, second + c);
      w += 4;
    }
    out += 2 * p->out_pitch;
  }
}
