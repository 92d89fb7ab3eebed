/* Rotation of pairs of int8 values by constant angles with Helium: value j of a row and value
 * j + half. */
#ifndef IMSE_ROTATE_S8_MVE_H
#define IMSE_ROTATE_S8_MVE_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t straight; /* of the products with cosines; the shift is a right one */
  int32_t straight_zero_point;
  imse_multiplier_t crossed;  /* and with sines */
  int32_t crossed_zero_point;
  int32_t sum_factor;    /* of the product with the cosine, see imse_elementwise_mve.h */
  const int32_t *shares; /* of the other product in the sum, at the one of 0; less one half */
  int32_t offset;        /* minus the zero point of the input */
  int32_t rows;
  int32_t half;          /* pairs of a row, a multiple of 8 */
  int32_t in_pitch;      /* elements from one row to the next */
  int32_t out_pitch;
} imse_rotate_mve_t;

/* Angles: per row the cosines of all pairs, then their sines. May write over the input. */
void imse_rotate_s8_mve(const imse_rotate_mve_t *p, const int8_t *angles, const int8_t *in,
                        int8_t *out);

#endif
