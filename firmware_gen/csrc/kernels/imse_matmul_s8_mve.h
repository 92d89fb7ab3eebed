/* Product of two int8 matrices with Helium, any strides. */
#ifndef IMSE_MATMUL_S8_MVE_H
#define IMSE_MATMUL_S8_MVE_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t out; /* its shift is a right one */
  int16_t *scratch;      /* depth rounded up to 8, times columns rounded up to 4 and one row more */
  int32_t a_offset;      /* minus the zero points of the inputs */
  int32_t b_offset;
  int32_t output_offset;
  int32_t rows;  /* of a and the output */
  int32_t depth; /* columns of a, rows of b */
  int32_t cols;  /* of b and the output */
  int32_t a_row; /* elements from one row to the next */
  int32_t a_col;
  int32_t b_row;
  int32_t b_col;
  int32_t out_row;
  int32_t out_col;
} imse_matmul_mve_t;

void imse_matmul_s8_mve(const imse_matmul_mve_t *p, const int8_t *a, const int8_t *b,
                        int8_t *out);

#endif
