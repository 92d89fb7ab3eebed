#include "imse_rsqrt_s16.h"

enum { FRACTION_BITS = 20 };

/* 1 / sqrt(value) as a multiplier, value in 2 … 32767: five Newton steps from 1. */
static imse_multiplier_t inverse_square_root(int32_t value) {
  int32_t right = 11;
  int32_t pairs = 0;
  while (value < (1 << 27)) {
    value <<= 2;
    ++pairs;
  }
  right -= pairs;
  const int32_t half = imse_round_shift(value >> 1, 1);
  int32_t x = 1 << 28;
  for (int32_t i = 0; i < 5; ++i) {
    const int32_t cube = imse_high_multiply(imse_high_multiply(x, x), x) << 6;
    const int32_t three_halves = (1 << 28) + (1 << 27);
    x = (imse_high_multiply(three_halves, x) - imse_high_multiply(half, cube)) << 3;
  }
  imse_multiplier_t result = {imse_high_multiply(x, 1518500250), -right};
  return result;
}

void imse_rsqrt_s16(const imse_multiplier_t *scale, const int16_t *in, int16_t *out, int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    if (in[i] <= 0) {
      out[i] = INT16_MAX;
      continue;
    }
    imse_multiplier_t inverse = {INT32_MAX, 0};
    if (in[i] > 1) {
      inverse = inverse_square_root(in[i]);
    }
    const int32_t root = imse_multiply(1, inverse.mantissa, inverse.shift + FRACTION_BITS);
    const int32_t value = imse_multiply(root, scale->mantissa, scale->shift - FRACTION_BITS);
    out[i] = (int16_t)imse_clamp(value, INT16_MIN, INT16_MAX);
  }
}
