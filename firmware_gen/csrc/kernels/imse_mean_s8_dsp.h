/* Mean or sum over rows, or over blocks of rows, four columns at a time. */
#ifndef IMSE_MEAN_S8_DSP_H
#define IMSE_MEAN_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  imse_scale_t out;    /* includes the division by the number of rows */
  int32_t blocks;
  int32_t block_pitch; /* elements from one block to the next */
  int32_t rows;        /* per block; at most 256 in all */
  int32_t row_pitch;   /* elements from one row to the next */
  int32_t columns;     /* a multiple of 4, behind each other */
} imse_mean_dsp_t;

/* out[c] = mean over b and r of in[b][r][c] */
void imse_mean_s8_dsp(const imse_mean_dsp_t *p, const int8_t *in, int8_t *out);

#endif
