/* Sum, difference, product and squared difference of two int16 vectors with zero points of 0. Steps
 * as in imse_add.h. */
#ifndef IMSE_PAIR_S16_DSP_H
#define IMSE_PAIR_S16_DSP_H

#include "imse_add.h"
#include "imse_simd.h"

/* Sum or difference, whatever the scales; all shifts are right ones. */
void imse_add_s16_dsp(const imse_add_t *p, const int16_t *a, int32_t a_step, const int16_t *b,
                      int32_t b_step, int16_t *out, int32_t n);

typedef struct {
  imse_scale_t small;   /* of `small` times 2^16 */
  imse_scale_t out;     /* of the doubled sum */
  int32_t big_factor;   /* plus or minus 2^15 */
  int32_t small_factor; /* plus or minus 2 */
} imse_sum_s16_dsp_t;

/* The same; `big` is the operand with the larger scale: its multiplier is exactly one half. */
void imse_sum_s16_dsp(const imse_sum_s16_dsp_t *p, const int16_t *big, int32_t big_step,
                      const int16_t *small, int32_t small_step, int16_t *out, int32_t n);

/* Products; `p` is of the doubled product, where 2^31 counts as 2^31 - 1. */
void imse_mul_s16_dsp(const imse_scale_t *p, const int16_t *a, int32_t a_step, const int16_t *b,
                      int32_t b_step, int16_t *out, int32_t n);

typedef struct {
  imse_scale_t small; /* of the doubled `small` */
  imse_scale_t out;   /* of the doubled square, where 2^31 counts as 2^31 - 1 */
} imse_square_s16_dsp_t;

/* Squares of differences; the multiplier of `big` is exactly one half. */
void imse_squared_difference_s16_dsp(const imse_square_s16_dsp_t *p, const int16_t *big,
                                     int32_t big_step, const int16_t *small, int32_t small_step,
                                     int16_t *out, int32_t n);

#endif
