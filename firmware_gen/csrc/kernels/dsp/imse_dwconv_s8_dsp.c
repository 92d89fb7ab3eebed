#include "imse_dwconv_s8_dsp.h"

/* Four channels of one pixel: the sums over all taps. `in` is added to every tap's address. */
static inline void four_channels(const int8_t *const *tap, int32_t taps, const int32_t *w,
                                 int32_t in, int32_t *sum) {
  int32_t s0 = sum[0];
  int32_t s1 = sum[1];
  int32_t s2 = sum[2];
  int32_t s3 = sum[3];
#if defined(__ARM_FEATURE_DSP)
  int32_t even;
  int32_t odd;
  int32_t a;
  int32_t b;
#define IMSE_TAP                                \
  "ldr    %[even], [%[tap]], #4           \n\t" \
  "ldr    %[even], [%[even], %[in]]       \n\t" \
  "ldrd   %[a], %[b], [%[w]], #8          \n\t" \
  "sxtb16 %[odd], %[even], ror #8         \n\t" \
  "sxtb16 %[even], %[even]                \n\t" \
  "smlabb %[s0], %[even], %[a], %[s0]     \n\t" \
  "smlatt %[s2], %[even], %[a], %[s2]     \n\t" \
  "smlabb %[s1], %[odd], %[b], %[s1]      \n\t" \
  "smlatt %[s3], %[odd], %[b], %[s3]      \n\t"
  __asm__ volatile(
      "subs %[n], #3       \n\t"
      "blt  2f             \n\t"
      "1:                  \n\t" IMSE_TAP IMSE_TAP IMSE_TAP
      "subs %[n], #3       \n\t"
      "bge  1b             \n\t"
      "2:                  \n\t"
      "adds %[n], #3       \n\t"
      "beq  4f             \n\t"
      "3:                  \n\t" IMSE_TAP
      "subs %[n], #1       \n\t"
      "bne  3b             \n\t"
      "4:                  \n\t"
      : [tap] "+r"(tap), [n] "+r"(taps), [w] "+r"(w), [s0] "+r"(s0), [s1] "+r"(s1),
        [s2] "+r"(s2), [s3] "+r"(s3), [even] "=&r"(even), [odd] "=&r"(odd), [a] "=&r"(a),
        [b] "=&r"(b)
      : [in] "r"(in)
      : "cc", "memory");
#undef IMSE_TAP
#else
  for (int32_t t = 0; t < taps; ++t) {
    const uint32_t word = imse_load4(tap[t] + in);
    const int32_t even = imse_sxtb16(word);
    const int32_t odd = imse_sxtb16_high(word);
    s0 = imse_smlabb(even, w[2 * t], s0);
    s2 = imse_smlatt(even, w[2 * t], s2);
    s1 = imse_smlabb(odd, w[2 * t + 1], s1);
    s3 = imse_smlatt(odd, w[2 * t + 1], s3);
  }
#endif
  sum[0] = s0;
  sum[1] = s1;
  sum[2] = s2;
  sum[3] = s3;
}

static inline int8_t scaled(const imse_scale_t *q, int32_t sum) {
  return imse_scale_s8(sum, q->mantissa, q->add, q->shift);
}

void imse_dwconv_s8_dsp(const imse_dwconv_dsp_t *p, const int8_t *const *tap, int8_t *out) {
  const int32_t *weights = p->weights;
  const imse_scale_t *q = p->params;
  for (int32_t c = 0; c < p->channels; c += 4) {
    int8_t *to = out + c;
    int32_t in = c;
    for (int32_t left = p->pixels; left > 0; --left) {
      int32_t sum[4] = {q[0].bias, q[1].bias, q[2].bias, q[3].bias};
      four_channels(tap, p->taps, weights, in, sum);
      to[0] = scaled(&q[0], sum[0]);
      to[1] = scaled(&q[1], sum[1]);
      to[2] = scaled(&q[2], sum[2]);
      to[3] = scaled(&q[3], sum[3]);
      in += p->step;
      to += p->out_pitch;
    }
    weights += 2 * p->taps;
    q += 4;
  }
}
