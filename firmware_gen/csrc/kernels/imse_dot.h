/* Dot products of packed int16 data: two vectors against two vectors at a time. */
#ifndef IMSE_DOT_H
#define IMSE_DOT_H

#include <stdint.h>

#include "imse_simd.h"

/* Four sums: [0] x0 w0, [1] x0 w1, [2] x1 w0, [3] x1 w1. Per quad of depth, x and w hold two words
 * of the first vector, then two words of the second. Returns the end of w. */
static inline const int32_t *imse_dot_2x2(const int32_t *x, const int32_t *w, int32_t quads,
                                          int32_t *sum) {
  int32_t s0 = sum[0];
  int32_t s1 = sum[1];
  int32_t s2 = sum[2];
  int32_t s3 = sum[3];
#if defined(__ARM_FEATURE_DSP)
  int32_t a;
  int32_t b;
#define IMSE_QUAD                      \
  "ldmia %[x]!, {r4-r7}          \n\t" \
  "ldrd  %[a], %[b], [%[w]], #8  \n\t" \
  "smlad %[s0], r4, %[a], %[s0]  \n\t" \
  "smlad %[s2], r6, %[a], %[s2]  \n\t" \
  "smlad %[s0], r5, %[b], %[s0]  \n\t" \
  "smlad %[s2], r7, %[b], %[s2]  \n\t" \
  "ldrd  %[a], %[b], [%[w]], #8  \n\t" \
  "smlad %[s1], r4, %[a], %[s1]  \n\t" \
  "smlad %[s3], r6, %[a], %[s3]  \n\t" \
  "smlad %[s1], r5, %[b], %[s1]  \n\t" \
  "smlad %[s3], r7, %[b], %[s3]  \n\t"
  __asm__ volatile(
      "lsrs %[n], %[n], #1 \n\t"
      "bcc  1f             \n\t" IMSE_QUAD
      "cmp  %[n], #0       \n\t"
      "1:                  \n\t"
      "beq  3f             \n\t"
      "2:                  \n\t" IMSE_QUAD IMSE_QUAD
      "subs %[n], %[n], #1 \n\t"
      "bne  2b             \n\t"
      "3:                  \n\t"
      : [x] "+r"(x), [w] "+r"(w), [n] "+r"(quads), [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2),
        [s3] "+r"(s3), [a] "=&r"(a), [b] "=&r"(b)
      :
      : "r4", "r5", "r6", "r7", "cc", "memory");
#undef IMSE_QUAD
#else
  for (int32_t i = 0; i < quads; ++i) {
    s0 = imse_smlad(x[1], w[1], imse_smlad(x[0], w[0], s0));
    s1 = imse_smlad(x[1], w[3], imse_smlad(x[0], w[2], s1));
    s2 = imse_smlad(x[3], w[1], imse_smlad(x[2], w[0], s2));
    s3 = imse_smlad(x[3], w[3], imse_smlad(x[2], w[2], s3));
    x += 4;
    w += 4;
  }
#endif
  sum[0] = s0;
  sum[1] = s1;
  sum[2] = s2;
  sum[3] = s3;
  return w;
}

#endif
