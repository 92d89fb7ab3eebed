#include "imse_sum_s8_dsp.h"

void imse_sum_s8_dsp(const imse_sum_dsp_t *p, const int8_t *a, const int8_t *b, int8_t *out) {
  int32_t n = p->n;
  const int32_t *const shares = p->shares + 128;
  const int32_t factor = p->factor;
#if defined(__ARM_FEATURE_DSP)
  int32_t quads = n >> 2;
  if (quads > 0) {
    int32_t s0;
    int32_t s1;
    int32_t s2;
    int32_t s3;
    __asm__ volatile(
        "1:                                        \n\t"
        "ldr    r4, [%[a]], #4                     \n\t"
        "ldrsb  %[s0], [%[b]], #1                  \n\t"
        "ldrsb  %[s1], [%[b]], #1                  \n\t"
        "ldrsb  %[s2], [%[b]], #1                  \n\t"
        "ldrsb  %[s3], [%[b]], #1                  \n\t"
        "bic    r5, r4, #0x00FF00FF                \n\t" /* bytes 1 and 3, times 256 */
        "lsl    r4, r4, #8                         \n\t"
        "bic    r4, r4, #0x00FF00FF                \n\t" /* bytes 0 and 2, times 256 */
        "ldr    %[s0], [%[shares], %[s0], lsl #2]  \n\t"
        "ldr    %[s1], [%[shares], %[s1], lsl #2]  \n\t"
        "ldr    %[s2], [%[shares], %[s2], lsl #2]  \n\t"
        "ldr    %[s3], [%[shares], %[s3], lsl #2]  \n\t"
        "smlawb %[s0], %[factor], r4, %[s0]        \n\t"
        "smlawb %[s1], %[factor], r5, %[s1]        \n\t"
        "smlawt %[s2], %[factor], r4, %[s2]        \n\t"
        "smlawt %[s3], %[factor], r5, %[s3]        \n\t"
        "ssat   %[s0], #8, %[s0], asr %[bits]      \n\t"
        "ssat   %[s1], #8, %[s1], asr %[bits]      \n\t"
        "ssat   %[s2], #8, %[s2], asr %[bits]      \n\t"
        "ssat   %[s3], #8, %[s3], asr %[bits]      \n\t"
        "strb   %[s0], [%[out]], #1                \n\t"
        "strb   %[s1], [%[out]], #1                \n\t"
        "strb   %[s2], [%[out]], #1                \n\t"
        "strb   %[s3], [%[out]], #1                \n\t"
        "subs   %[n], #1                           \n\t"
        "bne    1b                                 \n\t"
        : [a] "+r"(a), [b] "+r"(b), [out] "+r"(out), [n] "+r"(quads), [s0] "=&r"(s0),
          [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3)
        : [shares] "r"(shares), [factor] "r"(factor), [bits] "i"(IMSE_SUM_BITS)
        : "r4", "r5", "cc", "memory");
    n &= 3;
  }
#endif
  for (; n > 0; --n) {
    const int32_t sum = imse_smlawb(factor, *a++ * 256, shares[*b++]);
    *out++ = (int8_t)imse_ssat8(sum >> IMSE_SUM_BITS);
  }
}
