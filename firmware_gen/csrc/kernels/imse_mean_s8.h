/* Mean or sum over rows. */
#ifndef IMSE_MEAN_S8_H
#define IMSE_MEAN_S8_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t out; /* includes the division by the number of rows */
  int32_t input_offset;  /* minus the zero point of the input, times the rows */
  int32_t output_offset;
  int32_t rows;
  int32_t row_pitch; /* elements from one row to the next */
  int32_t columns;
  int32_t column_pitch; /* elements from one column to the next */
} imse_mean_t;

/* out[c] = mean over r of in[r][c] */
void imse_mean_s8(const imse_mean_t *p, const int8_t *in, int8_t *out);

#endif
