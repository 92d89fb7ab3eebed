/* The last steps of linear attention, for one head. */
#ifndef IMSE_ATTEND_S8_DSP_H
#define IMSE_ATTEND_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"
#include "imse_sum_s8_dsp.h"

typedef struct {
  const int8_t *inverse;      /* table of the factor by the normaliser, at the result for 0 */
  int32_t inverse_zero_point;
  int32_t z_zero_point;
  int32_t z_step;             /* elements from one row's normaliser to the next one's */
  int32_t numerator_offset;   /* minus the zero point */
  imse_scale_t attended;      /* of the doubled product of numerator and factor */
  int32_t away_factor;        /* of `attended` in the difference, see imse_sum_s8_dsp.h */
  const int32_t *away_shares; /* of the mean value */
  int32_t away_zero_point;
  imse_scale_t weighted;      /* of the doubled product of the difference and the normaliser */
  int32_t sum_factor;         /* of `attended` in the sum */
  const int32_t *sum_shares;  /* of the weighted difference, at that of 0 */
  int32_t *scratch;           /* as many words as a row has elements */
  int32_t rows;
  int32_t n;                  /* elements of a row, a multiple of 4 */
  int32_t numerator_pitch;    /* elements from one row to the next */
  int32_t mean_step;          /* elements from one mean to the next */
  int32_t out_pitch;
} imse_attend_dsp_t;

/* out = attended + z (attended - mean), attended = numerator / z. */
void imse_attend_s8_dsp(const imse_attend_dsp_t *p, const int8_t *numerator, const int8_t *z,
                        const int8_t *mean, int8_t *out);

#endif
