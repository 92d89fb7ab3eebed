/* Rotation of pairs of int8 values by constant angles: value j of a row and value j + half. */
#ifndef IMSE_ROTATE_S8_DSP_H
#define IMSE_ROTATE_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"
#include "imse_sum_s8_dsp.h"

typedef struct {
  imse_scale_t straight; /* of the doubled products with cosines */
  imse_scale_t crossed;  /* and with sines */
  int32_t offset;        /* minus the zero point */
  int32_t sum_factor;    /* of the product with the cosine in the sum, IMSE_SUM_BITS fraction bits */
  const int32_t *shares; /* of the other product in the sum, at the one of 0 */
  int32_t rows;
  int32_t half;          /* pairs of a row, a multiple of 4 */
  int32_t in_pitch;      /* elements from one row to the next */
  int32_t out_pitch;
} imse_rotate_dsp_t;

/* Angles: per four pairs cosines of pairs 0 and 2, their sines, the same of pairs 1 and 3, as int16
 * and doubled. May write over the input. */
void imse_rotate_s8_dsp(const imse_rotate_dsp_t *p, const int32_t *angles, const int8_t *in,
                        int8_t *out);

#endif
