/* Product of two int16 matrices with Helium, any strides; sums have 64 bits. */
#ifndef IMSE_MATMUL_S16_MVE_H
#define IMSE_MATMUL_S16_MVE_H

#include <stdint.h>

typedef struct {
  int16_t *scratch; /* depth rounded up to 8, times columns rounded up to 4 and one row more */
  int32_t factor;   /* of the sums: sum * factor / 2^shift, to nearest, halves up */
  int32_t shift;
  int32_t rows;     /* of a and the output */
  int32_t depth;    /* columns of a, rows of b */
  int32_t cols;     /* of b and the output */
  int32_t a_row;    /* elements from one row to the next */
  int32_t a_col;    /* steps within a row of a and a column of b: 7 of them fit 16 bits */
  int32_t b_row;
  int32_t b_col;
  int32_t out_row;
  int32_t out_col;
} imse_matmul_s16_mve_t;

void imse_matmul_s16_mve(const imse_matmul_s16_mve_t *p, const int16_t *a, const int16_t *b,
                         int16_t *out);

#endif
