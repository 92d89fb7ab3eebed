/* Linear attention of one head with Helium, from the queries to the result; nothing in between is
 * stored. */
#ifndef IMSE_ATTEND_S8_MVE_H
#define IMSE_ATTEND_S8_MVE_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t numerator;  /* of the product of query and matrix; shifts are right ones */
  imse_multiplier_t normaliser; /* of the product of plain query and sums */
  imse_multiplier_t attended;   /* of the product of numerator and factor */
  imse_multiplier_t weighted;   /* of the product of the difference and the normaliser */
  int32_t query_offset;         /* minus the zero points */
  int32_t matrix_offset;
  int32_t plain_offset;
  int32_t sums_offset;
  int32_t numerator_zero_point;
  int32_t z_zero_point;         /* of the normaliser */
  const int8_t *inverse;        /* table of the factor by the normaliser, at the result for 0 */
  int32_t inverse_zero_point;
  int32_t attended_zero_point;
  int32_t away_factor;          /* of `attended` in the difference, see imse_elementwise_mve.h */
  const int32_t *away_shares;   /* of the mean value, at that of 0 */
  int32_t away_zero_point;
  int32_t weighted_zero_point;
  int32_t sum_factor;           /* of `attended` in the sum */
  const int32_t *sum_shares;    /* of the weighted difference, at that of 0; less one half */
  int16_t *scratch; /* depth rounded up to 8, times columns rounded up to 8 and five more, and two
                       values per column */
  int32_t rows;
  int32_t depth;                /* elements of a query */
  int32_t n;                    /* elements of a result */
  int32_t query_quad;           /* elements from four ones of a row to the next four */
  int32_t plain_quad;
  int32_t out_quad;
  int32_t query_pitch;          /* elements from one row to the next */
  int32_t matrix_pitch;         /* the same, and below: 7 of them fit 16 bits */
  int32_t plain_pitch;
  int32_t sums_step;
  int32_t mean_step;
  int32_t out_pitch;
} imse_attend_mve_t;

/* out = attended + z (attended - mean), attended = query * matrix / z, z = plain query * sums. */
void imse_attend_s8_mve(const imse_attend_mve_t *p, const int8_t *query, const int8_t *matrix,
                        const int8_t *plain, const int8_t *sums, const int8_t *mean, int8_t *out);

#endif
