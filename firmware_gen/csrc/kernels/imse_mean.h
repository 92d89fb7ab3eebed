/* Mean or sum over rows, or over blocks of rows. */
#ifndef IMSE_MEAN_H
#define IMSE_MEAN_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t out; /* includes the division by the number of rows */
  int32_t input_offset;  /* minus the zero point of the input, times all rows */
  int32_t output_offset;
  int32_t blocks;
  int32_t block_pitch; /* elements from one block to the next */
  int32_t rows;        /* per block */
  int32_t row_pitch;   /* elements from one row to the next */
  int32_t columns;
  int32_t column_pitch; /* elements from one column to the next */
} imse_mean_t;

/* out[c] = mean over b and r of in[b][r][c] */
void imse_mean_s8(const imse_mean_t *p, const int8_t *in, int8_t *out);
void imse_mean_s16(const imse_mean_t *p, const int16_t *in, int16_t *out);

#endif
