/* Fixed-point multiplication with the rounding of TensorFlow Lite Micro. */
#ifndef IMSE_FIXEDPOINT_H
#define IMSE_FIXEDPOINT_H

#include <stdint.h>

/* A real factor: mantissa * 2^(shift - 31). */
typedef struct {
  int32_t mantissa;
  int32_t shift;
} imse_multiplier_t;

/* a * b / 2^31, to nearest, halves up. The mantissa b is never INT32_MIN, so nothing overflows. */
static inline int32_t imse_high_multiply(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + (1LL << 30)) >> 31);
}

/* value / 2^exponent, to nearest, halves away from zero; exponent 0 to 31. */
static inline int32_t imse_round_shift(int32_t value, int32_t exponent) {
  const int32_t mask = (int32_t)((1u << exponent) - 1u);
  const int32_t half = (mask >> 1) + (value < 0 ? 1 : 0);
  return (value >> exponent) + ((value & mask) > half ? 1 : 0);
}

static inline int32_t imse_multiply(int32_t value, int32_t mantissa, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = shift > 0 ? 0 : -shift;
  return imse_round_shift(imse_high_multiply((int32_t)((uint32_t)value << left), mantissa), right);
}

/* The 64-bit form, used where products of 16-bit values are summed: one rounding, 16-bit mantissa. */
static inline int32_t imse_multiply_wide(int64_t value, int32_t mantissa, int32_t shift) {
  const int32_t reduced = mantissa < 0x7FFF0000 ? (mantissa + (1 << 15)) >> 16 : 0x7FFF;
  const int32_t total = 15 - shift;
  return (int32_t)((value * reduced + ((int64_t)1 << (total - 1))) >> total);
}

static inline int32_t imse_clamp(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : (value > high ? high : value);
}

#endif
