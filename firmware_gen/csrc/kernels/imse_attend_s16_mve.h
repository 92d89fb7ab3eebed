/* Linear attention of int16 values with Helium, from the queries to the result; nothing in between
 * is stored. */
#ifndef IMSE_ATTEND_S16_MVE_H
#define IMSE_ATTEND_S16_MVE_H

#include <stdint.h>

#include "imse_fixedpoint.h"

/* Channels of a head. */
enum { IMSE_HEAD_MVE = 8 };

/* sum * factor / 2^(32 + shift), to nearest, halves up. */
typedef struct {
  int32_t factor;
  int32_t shift;
} imse_sum_scale_mve_t;

typedef struct {
  imse_sum_scale_mve_t numerator;   /* of the sums of products of query and matrix */
  imse_sum_scale_mve_t normaliser;  /* of the sums of products of plain query and sums */
  imse_multiplier_t root;       /* of the root's reciprocal; any shift, below right ones */
  imse_multiplier_t first;      /* of the product of numerator and root */
  imse_multiplier_t second;     /* of the product of that and the root: `attended` */
  imse_multiplier_t away_share; /* of `attended` in its difference to the mean */
  imse_multiplier_t mean_share; /* of the mean */
  imse_multiplier_t away;       /* of the difference */
  imse_multiplier_t weighted;   /* of the product of difference and normaliser */
  imse_multiplier_t sum_share;  /* of `attended` in the sum with that, whose scale is the larger one */
  imse_multiplier_t sum;        /* of the sum */
  int32_t heads;
  int32_t rows;
  int32_t query_pitch;          /* elements from one row to the next */
  int32_t matrix_pitch;         /* the same: 7 of them fit 16 bits */
  int32_t plain_pitch;
  int32_t sums_pitch;           /* the same */
  int32_t sums_step;            /* from one head to the next */
  int32_t mean_step;            /* the same */
  int32_t out_pitch;
} imse_attend_s16_mve_t;

/* out = attended + z (attended - mean), attended = query * matrix / z, z = plain * sums; all heads,
 * side by side. */
void imse_attend_s16_mve(const imse_attend_s16_mve_t *p, const int16_t *query,
                         const int16_t *matrix, const int16_t *plain, const int16_t *sums,
                         const int16_t *mean, int16_t *out);

#endif
