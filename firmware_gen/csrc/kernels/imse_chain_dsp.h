/* Element-wise operators on single values, for loops that hold several of them. */
#ifndef IMSE_CHAIN_DSP_H
#define IMSE_CHAIN_DSP_H

#include "imse_simd.h"

/* The doubled product, where 2^31 counts as 2^31 - 1. */
static inline int32_t imse_twice_product(int32_t a, int32_t b) {
  const int32_t product = a * b;
  return imse_qadd(product, product);
}

/* An operand of a sum in the scale of the other one. */
static inline int32_t imse_share_s16(int32_t value, int32_t mantissa, int32_t add, int32_t shift) {
  return imse_scale_twice(value * (1 << 16), mantissa, add, shift);
}

#endif
