/* Sum or difference of two int8 vectors with everything folded that can be. `big` is the operand
 * with the larger scale: its multiplier is exactly one half, so it only needs a shift. */
#ifndef IMSE_ADD_S8_DSP_H
#define IMSE_ADD_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  int32_t small_add;      /* minus the zero point of `small`, at bit 21 */
  int32_t small_mantissa; /* ratio of the scales */
  int32_t small_half;
  int32_t small_shift;    /* 0: both scales are equal */
  int32_t big_factor;     /* plus or minus 2^20 */
  int32_t constant;       /* what the zero points of the inputs give */
  int32_t mantissa;       /* of the result */
  int32_t add;
  int32_t shift;
} imse_add_dsp_t;

/* The sum plus (or minus) `small`; the steps are 1, or 0 for one value for all elements. */
void imse_add_s8_dsp(const imse_add_dsp_t *p, const int8_t *big, int32_t big_step,
                     const int8_t *small, int32_t small_step, int8_t *out, int32_t n);
void imse_sub_s8_dsp(const imse_add_dsp_t *p, const int8_t *big, int32_t big_step,
                     const int8_t *small, int32_t small_step, int8_t *out, int32_t n);

#endif
