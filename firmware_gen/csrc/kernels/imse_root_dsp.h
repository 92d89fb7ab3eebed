/* Reciprocal square root of one int16 value, in few instructions. */
#ifndef IMSE_ROOT_DSP_H
#define IMSE_ROOT_DSP_H

#include "imse_fixedpoint.h"
#include "imse_simd.h"

enum { IMSE_ROOT_BITS = 20 };

/* scale / sqrt(value); a value of zero or below gives the largest result. One operand of every product
 * is below 2^30 and comes doubled, which puts the rounding where smmulr has it. */

static inline int32_t imse_root_one(const imse_multiplier_t *scale, int32_t value) {
  if (value <= 0) {
    return INT16_MAX;
  }
  int32_t root = 0;
  if (value > 1) {
    const int32_t pairs = ((__builtin_clz((uint32_t)value) - 1) >> 1) - 1;
    const int32_t half_twice = (value << (2 * pairs)) >> 1;
    /* Newton steps from 1; of the first one, only this depends on the value. */
    int32_t twice = ((3 << 24) - imse_smmulr(half_twice, 1 << 28)) * (1 << 4);
#pragma GCC unroll 4
    for (int32_t i = 0; i < 4; ++i) {
      const int32_t square = imse_smmulr(twice, twice >> 1);
      const int32_t cube = imse_smmulr(twice, square) * (1 << 6);
      const int32_t three_halves = imse_smmulr(twice, 3 << 27);
      twice = (three_halves - imse_smmulr(half_twice, cube)) * (1 << 4);
    }
    root = imse_smmulr(1 << (pairs + 10), imse_smmulr(twice, 1518500250));
  } else {
    root = imse_multiply(1, INT32_MAX, IMSE_ROOT_BITS);
  }
  const int32_t scaled = imse_multiply(root, scale->mantissa, scale->shift - IMSE_ROOT_BITS);
  return imse_clamp(scaled, INT16_MIN, INT16_MAX);
}

#endif
