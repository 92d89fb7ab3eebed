/* Linear attention of one head, from the queries to the result; nothing in between is stored. */
#ifndef IMSE_ATTEND_S8_DSP_H
#define IMSE_ATTEND_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"
#include "imse_sum_s8_dsp.h"

typedef struct {
  imse_scale_t numerator;     /* of the doubled product of query and matrix */
  imse_scale_t normaliser;    /* of the doubled product of plain query and sums */
  int32_t query_offset;       /* minus the zero points */
  int32_t matrix_offset;
  int32_t plain_offset;
  int32_t sums_offset;
  const int8_t *inverse;      /* table of the factor by the normaliser, at the result for 0 */
  int32_t inverse_zero_point;
  int32_t z_zero_point;       /* of the normaliser */
  int32_t numerator_offset;   /* minus the zero point */
  imse_scale_t attended;      /* of the doubled product of numerator and factor */
  int32_t away_factor;        /* of `attended` in the difference, see imse_sum_s8_dsp.h */
  const int32_t *away_shares; /* of the mean value */
  int32_t away_zero_point;
  imse_scale_t weighted;      /* of the doubled product of the difference and the normaliser */
  int32_t sum_factor;         /* of `attended` in the sum */
  const int32_t *sum_shares;  /* of the weighted difference, at that of 0 */
  int32_t *scratch;           /* depth + n * (depth / 2 + 2) words */
  int32_t rows;
  int32_t depth;              /* elements of a query, a multiple of 4 */
  int32_t n;                  /* elements of a result, a multiple of 4 */
  int32_t query_quad;         /* elements from four ones of a row to the next four */
  int32_t plain_quad;
  int32_t out_quad;
  int32_t query_pitch;        /* elements from one row to the next */
  int32_t matrix_pitch;
  int32_t plain_pitch;
  int32_t sums_step;
  int32_t mean_step;
  int32_t out_pitch;
} imse_attend_dsp_t;

/* out = attended + z (attended - mean), attended = query * matrix / z, z = plain query * sums. */
void imse_attend_s8_dsp(const imse_attend_dsp_t *p, const int8_t *query, const int8_t *matrix,
                        const int8_t *plain, const int8_t *sums, const int8_t *mean, int8_t *out);

#endif
