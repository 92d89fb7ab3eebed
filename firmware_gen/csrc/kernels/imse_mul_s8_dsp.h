/* Product of two int8 vectors. */
#ifndef IMSE_MUL_S8_DSP_H
#define IMSE_MUL_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  const int16_t *table;   /* of the table kernel: a's results without zero point, doubled */
  int32_t a_offset_twice; /* minus the zero point of a, doubled */
  int32_t b_offset;       /* minus the zero point of b */
  int32_t mantissa;
  int32_t add;
  int32_t shift;
  int32_t n; /* elements */
} imse_mul_dsp_t;

/* Both operands are vectors. */
void imse_mul_s8_dsp(const imse_mul_dsp_t *p, const int8_t *a, const int8_t *b, int8_t *out);

/* The same, and a goes through a table first. */
void imse_mul_table_s8_dsp(const imse_mul_dsp_t *p, const int8_t *a, const int8_t *b, int8_t *out);

typedef struct {
  int32_t a_offset_twice; /* minus the zero point of a, doubled */
  int32_t b_zero_point;
  int32_t mantissa;
  int32_t add;
  int32_t shift;
  int32_t rows;
  int32_t n;       /* elements of a row, a multiple of 4 */
  int32_t a_gap;   /* elements from the end of a row to the next one */
  int32_t b_pitch; /* elements from one row's to the next one's */
  int32_t out_gap;
} imse_mul_rows_dsp_t;

/* Rows of a, each times one value of b. */
void imse_mul_rows_s8_dsp(const imse_mul_rows_dsp_t *p, const int8_t *a, const int8_t *b,
                          int8_t *out);

/* Operands with any step, 0 for one value for all elements. */
void imse_mul_stepped_s8_dsp(const imse_mul_dsp_t *p, const int8_t *a, int32_t a_step,
                             const int8_t *b, int32_t b_step, int8_t *out);

#endif
