/* Linear attention of int16 values from the queries to the result; nothing in between is stored. */
#ifndef IMSE_ATTEND_S16_DSP_H
#define IMSE_ATTEND_S16_DSP_H

#include <stdint.h>

#include "imse_fixedpoint.h"
#include "imse_simd.h"

/* Channels of a head, and words of scratch memory per head. */
enum { IMSE_HEAD_S16 = 8, IMSE_HEAD_SCRATCH_S16 = IMSE_HEAD_S16 * (IMSE_HEAD_S16 / 2 + 1) + IMSE_HEAD_S16 / 2 };

/* sum * factor / 2^(32 + shift), to nearest, halves up. */
typedef struct {
  int32_t factor;
  int32_t half; /* 2^(shift - 1) */
  int32_t shift;
} imse_sum_scale_t;

typedef struct {
  imse_sum_scale_t numerator;  /* of the sums of products of query and matrix */
  imse_sum_scale_t normaliser; /* of the sums of products of plain query and sums */
  imse_multiplier_t root;      /* of the root's reciprocal */
  imse_scale_t first;          /* of the doubled product of numerator and root */
  imse_scale_t second;         /* of the doubled product of that and the root: `attended` */
  imse_scale_t away_share;     /* of `attended` in its difference to the mean */
  imse_scale_t mean_share;     /* of the mean */
  imse_scale_t away;           /* of the difference, doubled */
  imse_scale_t weighted;       /* of the doubled product of difference and normaliser */
  imse_scale_t sum_share;      /* of `attended` in the sum with that, whose scale is the larger one */
  imse_scale_t sum;            /* of the sum, doubled */
  int32_t *scratch;            /* IMSE_HEAD_SCRATCH_S16 words per head */
  int32_t heads;
  int32_t rows;
  int32_t query_pitch;         /* elements from one row to the next */
  int32_t matrix_pitch;
  int32_t plain_pitch;
  int32_t sums_pitch;
  int32_t mean_step;
  int32_t out_pitch;
} imse_attend_s16_dsp_t;

/* out = attended + z (attended - mean), attended = query * matrix / z, z = plain * sums; all heads,
 * side by side. */
void imse_attend_s16_dsp(const imse_attend_s16_dsp_t *p, const int16_t *query,
                         const int16_t *matrix, const int16_t *plain, const int16_t *sums,
                         const int16_t *mean, int16_t *out);

#endif
