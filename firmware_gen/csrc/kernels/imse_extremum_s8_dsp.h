/* Smaller and larger ones of two int8 vectors, four at a time; arguments as in imse_extremum.h. */
#ifndef IMSE_EXTREMUM_S8_DSP_H
#define IMSE_EXTREMUM_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

void imse_minimum_s8_dsp(const int8_t *a, int32_t a_step, const int8_t *b, int32_t b_step,
                         int8_t *out, int32_t n);
void imse_maximum_s8_dsp(const int8_t *a, int32_t a_step, const int8_t *b, int32_t b_step,
                         int8_t *out, int32_t n);

/* The operands can change places: a is the one that is a vector. */
static inline __attribute__((always_inline)) void imse_extremum_s8_dsp(
    uint32_t (*four)(uint32_t x, uint32_t y), const int8_t *a, int32_t a_step, const int8_t *b,
    int32_t b_step, int8_t *out, int32_t n) {
  if (a_step != 1) {
    const int8_t *const vector = b;
    const int32_t step = b_step;
    b = a;
    b_step = a_step;
    a = vector;
    a_step = step;
  }
  if (a_step == 1 && b_step == 1) {
    for (; n >= 4; n -= 4) {
      imse_store4(out, four(imse_load4(a), imse_load4(b)));
      a += 4;
      b += 4;
      out += 4;
    }
  } else if (a_step == 1 && b_step == 0) {
    const uint32_t all = imse_four(*b);
    for (; n >= 4; n -= 4) {
      imse_store4(out, four(imse_load4(a), all));
      a += 4;
      out += 4;
    }
  }
  for (; n > 0; --n) {
    *out++ = (int8_t)four((uint8_t)*a, (uint8_t)*b);
    a += a_step;
    b += b_step;
  }
}

#endif
