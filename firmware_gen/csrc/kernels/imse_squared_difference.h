/* Square of the difference of two quantized vectors. */
#ifndef IMSE_SQUARED_DIFFERENCE_H
#define IMSE_SQUARED_DIFFERENCE_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t a; /* one half or less */
  imse_multiplier_t b;
  imse_multiplier_t out;
  int32_t a_offset; /* minus the zero points of the inputs */
  int32_t b_offset;
  int32_t output_offset;
  int32_t low;
  int32_t high;
  int32_t left_shift; /* 7 for int8, 0 for int16: the square fits 32 bits */
} imse_squared_difference_t;

/* The steps are 1, or 0 for an operand that is one value for all elements. */
void imse_squared_difference_s8(const imse_squared_difference_t *p, const int8_t *a, int32_t a_step,
                                const int8_t *b, int32_t b_step, int8_t *out, int32_t n);
void imse_squared_difference_s16(const imse_squared_difference_t *p, const int16_t *a,
                                 int32_t a_step, const int16_t *b, int32_t b_step, int16_t *out,
                                 int32_t n);

static inline int32_t imse_squared_difference_one(const imse_squared_difference_t *p, int32_t a,
                                                  int32_t b) {
  const int32_t x = (a + p->a_offset) * (1 << p->left_shift);
  const int32_t y = (b + p->b_offset) * (1 << p->left_shift);
  const int32_t difference = imse_multiply(x, p->a.mantissa, p->a.shift) -
                             imse_multiply(y, p->b.mantissa, p->b.shift);
  const int32_t value = imse_multiply(difference * difference, p->out.mantissa, p->out.shift);
  return imse_clamp(value + p->output_offset, p->low, p->high);
}

#endif
