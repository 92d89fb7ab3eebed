/* Product of two matrices, any strides. */
#ifndef IMSE_MATMUL_H
#define IMSE_MATMUL_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t out;
  int32_t a_offset; /* minus the zero points of the inputs */
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
} imse_matmul_t;

void imse_matmul_s8(const imse_matmul_t *p, const int8_t *a, const int8_t *b, int8_t *out);
void imse_matmul_s16(const imse_matmul_t *p, const int16_t *a, const int16_t *b, int16_t *out);

#endif
