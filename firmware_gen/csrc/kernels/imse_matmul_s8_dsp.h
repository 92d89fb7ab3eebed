/* Product of two int8 matrices, any strides: columns of b become weights of a convolution, rows of a
 * its pixels. */
#ifndef IMSE_MATMUL_S8_DSP_H
#define IMSE_MATMUL_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  imse_scale_t out; /* its bias is 0 */
  int32_t *scratch; /* 4 words per quad of depth; for each pair of columns as many and 8 more */
  int32_t a_offset; /* minus the zero points of the inputs */
  int32_t b_offset;
  int32_t rows;  /* of a and the output */
  int32_t depth; /* columns of a, rows of b */
  int32_t cols;  /* of b and the output */
  int32_t a_row; /* elements from one row to the next */
  int32_t a_col;
  int32_t b_row;
  int32_t b_col;
  int32_t out_row;
} imse_matmul_dsp_t;

/* Two vectors: rows of a or columns of b. */
typedef struct {
  const int8_t *in;
  int32_t step; /* elements from one depth to the next */
  int32_t next; /* elements from the first vector to the second, 0 for the first one twice */
} imse_vectors_t;

/* All columns but the last one of an odd number. */
void imse_matmul_s8_dsp(const imse_matmul_dsp_t *p, const int8_t *a, const int8_t *b,
                        int8_t *out);

/* An odd number of columns. */
void imse_matmul_odd_s8_dsp(const imse_matmul_dsp_t *p, const int8_t *a, const int8_t *b,
                            int8_t *out);

/* Two columns of b as weights with their share of a's zero point; returns the place behind. */
int32_t *imse_matmul_pack_s8_dsp(const imse_matmul_dsp_t *p, imse_vectors_t columns, int32_t mark,
                                 int32_t *to);

#endif
