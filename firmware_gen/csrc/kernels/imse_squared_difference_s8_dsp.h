/* Square of the difference of two int8 vectors. `big` is the operand with the larger scale: its
 * multiplier is exactly one half, so it only needs a shift. The share of the other one is a
 * table. */
#ifndef IMSE_SQUARED_DIFFERENCE_S8_DSP_H
#define IMSE_SQUARED_DIFFERENCE_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  const int16_t *small; /* at the result for 0: share of `small`, and of the zero point of `big` */
  int32_t mantissa;     /* of the doubled square */
  int32_t add;
  int32_t shift;
} imse_square_s8_dsp_t;

/* Operands with any step, 0 for one value for all elements. */
void imse_squared_difference_s8_dsp(const imse_square_s8_dsp_t *p, const int8_t *big,
                                    int32_t big_step, const int8_t *small, int32_t small_step,
                                    int8_t *out, int32_t n);

#endif
