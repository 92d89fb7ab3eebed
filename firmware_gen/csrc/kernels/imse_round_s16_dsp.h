/* Rounding of sums of int16 inputs times int8 weights, where the sums fit 32 bits. */
#ifndef IMSE_ROUND_S16_DSP_H
#define IMSE_ROUND_S16_DSP_H

#include <stdint.h>

#include "imse_simd.h"

/* Lower and upper limit of the fused activation, each in both halves; equal ones for none. */
typedef struct {
  int32_t low;
  int32_t high;
} imse_limits_s16_t;

/* Two values, whatever their alignment. */
static inline int32_t imse_load2(const int16_t *in) {
  int32_t word;
  memcpy(&word, in, sizeof word);
  return word;
}

/* sum * factor / 2^(16 + shift), rounded once as imse_multiply_wide does it. q: the factor in the
 * low half and the shift in the high half, then half a unit. */
static inline int32_t imse_round_s16(int32_t sum, const int32_t *q) {
  return imse_ssat16(imse_smlawb(sum, q[0], q[1]) >> (q[0] >> 16));
}

/* Rounds and stores the sums of two neighbouring channels of two pixels; q has 4 words. */
static inline void imse_round4_s16(const int32_t sum[4], const int32_t *q,
                                   const imse_limits_s16_t *limits, int16_t *first,
                                   int16_t *second) {
  int32_t a = imse_pair(imse_round_s16(sum[0], q), imse_round_s16(sum[1], q + 2));
  int32_t b = imse_pair(imse_round_s16(sum[2], q), imse_round_s16(sum[3], q + 2));
  if (limits->low < limits->high) {
    a = imse_min2(imse_max2(a, limits->low), limits->high);
    b = imse_min2(imse_max2(b, limits->low), limits->high);
  }
  memcpy(second, &b, sizeof b);
  memcpy(first, &a, sizeof a);
}

#endif
