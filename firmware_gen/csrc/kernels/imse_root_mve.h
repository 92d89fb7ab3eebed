/* Reciprocal square roots of four int16 values with Helium. */
#ifndef IMSE_ROOT_MVE_H
#define IMSE_ROOT_MVE_H

#include "imse_mve.h"

enum { IMSE_ROOT_BITS = 20 };

/* 1 / sqrt(value), with as many fractional bits: the Newton steps of imse_rsqrt_s16.c, which give 1
 * for a value of 1 too. The value is taken times 4^pairs, to 2^27 ... 2^29. */
static inline int32x4_t imse_inverse_root_mve(int32x4_t value) {
  const int32x4_t twice_pairs = vbicq_n_s32(vsubq_n_s32(vclzq_s32(value), 3), 1);
  const int32x4_t half = vshlq_s32(value, vsubq_n_s32(twice_pairs, 2));
  const int32_t three_halves = (1 << 28) + (1 << 27);
  /* The first step begins at 1. */
  int32x4_t x = vsubq_s32(vdupq_n_s32(three_halves >> 3), vrshrq_n_s32(half, 3));
  x = vshlq_n_s32(x, 3);
#pragma GCC unroll 4
  for (int32_t i = 0; i < 4; ++i) {
    const int32x4_t cube = vshlq_n_s32(vqrdmulhq_s32(vqrdmulhq_s32(x, x), x), 6);
    x = vsubq_s32(vqrdmulhq_n_s32(x, three_halves), vqrdmulhq_s32(half, cube));
    x = vshlq_n_s32(x, 3);
  }
  const int32x4_t pairs = vshrq_n_s32(twice_pairs, 1);
  return vrshlq_s32(vqrdmulhq_n_s32(x, 1518500250), vsubq_n_s32(pairs, 42 - IMSE_ROOT_BITS));
}

/* A root, times 2^left * mantissa / 2^(31 - right); a value of zero or below gives the largest
 * result. */
static int32x4_t __attribute__((noinline))
imse_root_mve(int32x4_t value, int32_t mantissa, int32_t left, int32_t right) {
  const int32x4_t root = vshlq_r_s32(imse_inverse_root_mve(value), left);
  const int32x4_t limited =
      vminq_s32(imse_scale_down_mve(root, mantissa, right), vdupq_n_s32(INT16_MAX));
  return vpselq_s32(limited, vdupq_n_s32(INT16_MAX), vcmpgtq_n_s32(value, 0));
}

#endif
