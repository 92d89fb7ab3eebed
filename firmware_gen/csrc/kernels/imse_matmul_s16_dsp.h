/* Product of two int16 matrices, two rows and two columns at a time. */
#ifndef IMSE_MATMUL_S16_DSP_H
#define IMSE_MATMUL_S16_DSP_H

#include <stdint.h>

typedef struct {
  int32_t factor; /* of the sums: sum * factor / 2^(32 + shift), to nearest, halves up */
  int32_t shift;  /* at least 1 */
  int32_t rows;   /* of a and the output; rows, depth and cols are even */
  int32_t depth;  /* columns of a, rows of b */
  int32_t cols;   /* of b and the output, behind each other in b */
  int32_t a_row;  /* elements from one row to the next */
  int32_t a_col;
  int32_t b_row;
  int32_t out_row;
  int32_t *scratch; /* where a is read across: IMSE_ACROSS_SCRATCH_S16 words */
} imse_matmul_s16_dsp_t;

enum { IMSE_ACROSS_SCRATCH_S16 = 384 };

/* The columns of a lie behind each other: a_col is 1. */
void imse_matmul_s16_dsp(const imse_matmul_s16_dsp_t *p, const int16_t *a, const int16_t *b,
                         int16_t *out);

/* The rows of a lie behind each other: a_row is 1. */
void imse_matmul_across_s16_dsp(const imse_matmul_s16_dsp_t *p, const int16_t *a, const int16_t *b,
                                int16_t *out);

#endif
