/* Normalisation of rows of int16 values by their deviation. */
#ifndef IMSE_NORM_S16_DSP_H
#define IMSE_NORM_S16_DSP_H

#include "imse_fixedpoint.h"
#include "imse_simd.h"

typedef struct {
  imse_scale_t mean;       /* of the doubled sum of a row */
  imse_scale_t share;      /* of the doubled mean in the scale of the differences */
  imse_scale_t square;     /* of the doubled squares, where 2^31 counts as 2^31 - 1 */
  imse_scale_t variance;   /* of the doubled sum of the squares */
  imse_scale_t raised;     /* of the variance times 2^16 in the scale of epsilon */
  int32_t epsilon;         /* times 2^15 in that scale */
  imse_scale_t sum;        /* of both, doubled */
  imse_multiplier_t root;  /* of the reciprocal root */
  imse_scale_t product;    /* of the doubled product, where 2^31 counts as 2^31 - 1 */
  imse_scale_t result;     /* of the doubled product as int16 */
  int32_t rows;
  int32_t n;               /* elements of a row, even */
  int32_t in_pitch;        /* elements from one row to the next */
  int32_t out_pitch;
} imse_norm_s16_dsp_t;

/* out = in / sqrt(variance + epsilon), the variance around the mean of the row. */
void imse_norm_s16_s8_dsp(const imse_norm_s16_dsp_t *p, const int16_t *in, int8_t *out);

#endif
