/* Quotient of two quantized vectors; a divisor of zero gives the limit of the output's range. */
#ifndef IMSE_DIV_S8_H
#define IMSE_DIV_S8_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t out;
  int32_t a_offset; /* minus the zero points of the inputs */
  int32_t b_offset;
  int32_t output_offset;
  int32_t low;
  int32_t high;
} imse_div_t;

/* The steps are 1, or 0 for an operand that is one value for all elements. */
void imse_div_s8(const imse_div_t *p, const int8_t *a, int32_t a_step, const int8_t *b,
                 int32_t b_step, int8_t *out, int32_t n);

#endif
