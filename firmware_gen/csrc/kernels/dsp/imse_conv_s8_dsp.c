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

/* One channel of two pixels. */
static inline void finish(const imse_scale_t *q, int32_t a, int32_t b, int8_t *first,
                          int8_t *second) {
  const int32_t mantissa = q->mantissa;
  const int32_t add = q->add;
  const int32_t shift = q->shift;
  const int8_t x = imse_scale_s8(a, mantissa, add, shift);
  const int8_t y = imse_scale_s8(b, mantissa, add, shift);
  *first = x;
  *second = y;
}

/* All channels of two pixels. */
static void two_pixels(const imse_conv_dsp_t *p, int32_t quads, int8_t *first, int8_t *second) {
  const int32_t *const x = p->scratch;
  const int32_t *w = p->weights;
  const imse_scale_t *q = p->channels;
  const int8_t *const end = first + (p->out_channels & ~1);
  while (first < end) {
    int32_t sum[4] = {q[0].bias, q[1].bias, q[0].bias, q[1].bias};
    w = imse_dot_2x2(x, w, quads, sum);
    finish(&q[0], sum[0], sum[2], first, second);
    finish(&q[1], sum[1], sum[3], first + 1, second + 1);
    first += 2;
    second += 2;
    q += 2;
  }
  if (p->out_channels & 1) {
    int32_t sum[4] = {q[0].bias, 0, q[0].bias, 0};
    (void)imse_dot_2x2(x, w, quads, sum);
    finish(&q[0], sum[0], sum[2], first, second);
  }
}

void imse_conv_s8_dsp(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out) {
  const int32_t quads = p->taps * ((p->run + 3) >> 2);
  for (int32_t x = 0; x < p->pixels; x += 2) {
    /* The last one of an odd number of pixels is computed twice, into the same place. */
    const int32_t two = x + 1 < p->pixels;
    const int32_t offset = x * p->step;
    int32_t *to = p->scratch;
    for (int32_t t = 0; t < p->taps; ++t) {
      const int8_t *in = tap[t] + offset;
      (void)expand(in + (two ? p->step : 0), p->run, to + 2);
      to = expand(in, p->run, to);
    }
    two_pixels(p, quads, out, out + (two ? p->out_pitch : 0));
    out += 2 * p->out_pitch;
  }
}
