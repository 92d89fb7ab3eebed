#include "imse_conv_s8_dsp.h"

#include "imse_dot.h"

static inline int32_t *expand_words(uint32_t first, uint32_t second, int32_t *to) {
  to[0] = imse_sxtb16(first);
  to[1] = imse_sxtb16_high(first);
  to[2] = imse_sxtb16(second);
  to[3] = imse_sxtb16_high(second);
  return to + 4;
}

/* Whole quads of two pixels; returns the place behind them. */
static inline int32_t *expand_quads(const int8_t *first, const int8_t *second, int32_t quads,
                                    int32_t *to) {
#if defined(__ARM_FEATURE_DSP)
  if (quads > 0) {
    __asm__ volatile(
        "1:                        \n\t"
        "ldr    r5, [%[first]], #4  \n\t"
        "ldr    r7, [%[second]], #4 \n\t"
        "sxtb16 r4, r5             \n\t"
        "sxtb16 r5, r5, ror #8     \n\t"
        "sxtb16 r6, r7             \n\t"
        "sxtb16 r7, r7, ror #8     \n\t"
        "subs   %[n], #1           \n\t"
        "stmia  %[to]!, {r4-r7}    \n\t"
        "bne    1b                 \n\t"
        : [first] "+r"(first), [second] "+r"(second), [n] "+r"(quads), [to] "+r"(to)
        :
        : "r4", "r5", "r6", "r7", "cc", "memory");
  }
#else
  for (; quads > 0; --quads) {
    to = expand_words(imse_load4(first), imse_load4(second), to);
    first += 4;
    second += 4;
  }
#endif
  return to;
}

/* Expands one run of two pixels; returns the place behind it. */
static int32_t *expand(const int8_t *first, const int8_t *second, int32_t run, int32_t *to) {
  to = expand_quads(first, second, run >> 2, to);
  const int32_t done = run & ~3;
  if (done < run) {
    uint32_t a = 0;
    uint32_t b = 0;
    for (int32_t i = 0; done + i < run; ++i) {
      a |= (uint32_t)(uint8_t)first[done + i] << (8 * i);
      b |= (uint32_t)(uint8_t)second[done + i] << (8 * i);
    }
    to = expand_words(a, b, to);
  }
  return to;
}

/* Rounds and stores one channel of two pixels; advances all pointers. */
static inline void finish(const imse_scale_t **q, int32_t a, int32_t b, int8_t **first,
                          int8_t **second) {
#if defined(__ARM_FEATURE_DSP)
  const imse_scale_t *scale = *q;
  int8_t *x = *first;
  int8_t *y = *second;
  __asm__ volatile(
      "ldmia  %[q]!, {r4-r7}        \n\t" /* bias, mantissa, add, shift */
      "smmlar r4, %[a], r5, r6      \n\t"
      "smmlar r5, %[b], r5, r6      \n\t"
      "add    r4, r4, %[a], asr #31 \n\t"
      "add    r5, r5, %[b], asr #31 \n\t"
      "asr    r4, r4, r7            \n\t"
      "asr    r5, r5, r7            \n\t"
      "ssat   r4, #8, r4            \n\t"
      "ssat   r5, #8, r5            \n\t"
      "strb   r4, [%[x]], #1        \n\t"
      "strb   r5, [%[y]], #1        \n\t"
      : [q] "+r"(scale), [x] "+r"(x), [y] "+r"(y)
      : [a] "r"(a), [b] "r"(b)
      : "r4", "r5", "r6", "r7", "memory");
  *q = scale;
  *first = x;
  *second = y;
#else
  const imse_scale_t *scale = (*q)++;
  *(*first)++ = imse_scale_s8(a, scale->mantissa, scale->add, scale->shift);
  *(*second)++ = imse_scale_s8(b, scale->mantissa, scale->add, scale->shift);
#endif
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
    finish(&q, sum[0], sum[2], &first, &second);
    finish(&q, sum[1], sum[3], &first, &second);
  }
  if (p->out_channels & 1) {
    int32_t sum[4] = {q[0].bias, 0, q[0].bias, 0};
    (void)imse_dot_2x2(x, w, quads, sum);
    finish(&q, sum[0], sum[2], &first, &second);
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
      to = expand(in, in + (two ? p->step : 0), p->run, to);
    }
    two_pixels(p, quads, out, out + (two ? p->out_pitch : 0));
    out += 2 * p->out_pitch;
  }
}
