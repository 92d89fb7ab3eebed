/* Mean and variance of int16 values with Helium, and their normalisation by rows. */
#ifndef IMSE_NORM_S16_MVE_H
#define IMSE_NORM_S16_MVE_H

#include "imse_fixedpoint.h"
#include "imse_mve.h"

typedef struct {
  imse_multiplier_t mean;     /* of the sum of a row */
  imse_multiplier_t share;    /* of the mean in the scale of the differences, no left shift */
  imse_multiplier_t square;   /* of the squares, a right shift */
  imse_multiplier_t variance; /* of the sum of the squares */
  imse_multiplier_t raised;   /* of the variance times 2^15 in the scale of epsilon, no left shift */
  int32_t epsilon;            /* times 2^15 in that scale */
  imse_multiplier_t sum;      /* of both */
  imse_multiplier_t root;     /* of the reciprocal root */
  imse_multiplier_t product;  /* a right shift, and below */
  imse_multiplier_t result;
  int32_t zero_point;         /* of the result */
  int32_t rows;
  int32_t n;                  /* elements of a row, even: pairs share a predicate */
  int32_t in_pitch;           /* elements from one row to the next */
  int32_t out_pitch;
} imse_norm_s16_mve_t;

/* out = in / sqrt(variance + epsilon), the variance around the mean of the row. */
void imse_norm_s16_s8_mve(const imse_norm_s16_mve_t *p, const int16_t *in, int8_t *out);

typedef struct {
  imse_multiplier_t mean;     /* includes the division by the number of rows */
  imse_multiplier_t variance;
  imse_multiplier_t share;    /* as above */
  imse_multiplier_t square;
  int32_t blocks;
  int32_t block_pitch;        /* elements from one block to the next */
  int32_t rows;               /* per block */
  int32_t row_pitch;          /* elements from one row to the next */
  int32_t columns;            /* behind each other */
} imse_moments_s16_mve_t;

/* Mean of every column over all rows, and variance around it. */
void imse_moments_s16_mve(const imse_moments_s16_mve_t *p, const int16_t *in, int16_t *mean,
                          int16_t *variance);

/* Four values rounded to int16. */
static inline int32x4_t imse_clamped_s16_mve(int32x4_t value, const imse_multiplier_t *q) {
  const int32x4_t scaled = imse_scale_any_mve(value, q->mantissa, q->shift);
  return vminq_s32(vmaxq_s32(scaled, vdupq_n_s32(INT16_MIN)), vdupq_n_s32(INT16_MAX));
}

/* Squares of differences: half of q0, rounded, less `share`; even ones in q1, odd ones in q0. A
 * difference of 2^15 wraps, its square does not. Squares need no correction of the rounding. */
#define IMSE_SQUARES_MVE(share)                \
  "vrshr.s16 q0, q0, #1                  \n\t" \
  "vsub.i16 q0, q0, " share "            \n\t" \
  "vmullb.s16 q1, q0, q0                 \n\t" \
  "vmullt.s16 q0, q0, q0                 \n\t" \
  "vqrdmulh.s32 q1, q1, %[mantissa]      \n\t" \
  "vqrdmulh.s32 q0, q0, %[mantissa]      \n\t" \
  "vrshl.s32 q1, %[shift]                \n\t" \
  "vrshl.s32 q0, %[shift]                \n\t"

#endif
