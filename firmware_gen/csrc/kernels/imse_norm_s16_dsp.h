/* Mean and variance of int16 values, and their normalisation by rows. */
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

typedef struct {
  imse_multiplier_t mean;     /* includes the division by the number of rows */
  imse_multiplier_t variance;
  imse_scale_t share;         /* as above */
  imse_scale_t square;
  int32_t blocks;
  int32_t block_pitch;        /* elements from one block to the next */
  int32_t rows;               /* per block */
  int32_t row_pitch;          /* elements from one row to the next */
  int32_t columns;            /* even, behind each other */
} imse_moments_s16_dsp_t;

/* Mean of every column over all rows, and variance around it. */
void imse_moments_s16_dsp(const imse_moments_s16_dsp_t *p, const int16_t *in, int16_t *mean,
                          int16_t *variance);

/* The square of a difference, the mean's share given; it is not negative, which spares the
 * correction of the rounding. */
static inline int32_t imse_square_s16(int32_t value, int32_t share, const imse_scale_t *q) {
  const int32_t difference = share - ((value + 1) >> 1);
  const int32_t once = difference * difference;
  return imse_ssat16(imse_smmlar(imse_qadd(once, once), q->mantissa, q->add) >> q->shift);
}

#endif
