/* Product of two quantized vectors. */
#ifndef IMSE_MUL_H
#define IMSE_MUL_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t out;
  int32_t a_offset; /* minus the zero points of the inputs */
  int32_t b_offset;
  int32_t output_offset;
  int32_t low;
  int32_t high;
} imse_mul_t;

/* The steps are 1, or 0 for an operand that is one value for all elements. */
void imse_mul_s8(const imse_mul_t *p, const int8_t *a, int32_t a_step, const int8_t *b,
                 int32_t b_step, int8_t *out, int32_t n);
void imse_mul_s16(const imse_mul_t *p, const int16_t *a, int32_t a_step, const int16_t *b,
                  int32_t b_step, int16_t *out, int32_t n);

static inline int32_t imse_mul_one(const imse_mul_t *p, int32_t a, int32_t b) {
  const int32_t product = (a + p->a_offset) * (b + p->b_offset);
  const int32_t value =
      imse_multiply(product, p->out.mantissa, p->out.shift) + p->output_offset;
  return imse_clamp(value, p->low, p->high);
}

#endif
