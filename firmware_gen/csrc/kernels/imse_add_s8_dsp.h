/* Sum or difference of two int8 vectors. `big` is the operand with the larger scale: its multiplier
 * is exactly one half, so it only needs a shift. The share of the other one is a table. */
#ifndef IMSE_ADD_S8_DSP_H
#define IMSE_ADD_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  const int32_t *small; /* for -128 … 127: doubled share of `small` and of the zero points */
  int32_t big_factor;   /* plus or minus 2^20 */
  int32_t mantissa;     /* of the result */
  int32_t add;
  int32_t shift;
  int32_t n;            /* elements */
} imse_add_dsp_t;

/* Two vectors; the factor of `big` is positive. */
void imse_add_s8_dsp(const imse_add_dsp_t *p, const int8_t *big, const int8_t *small, int8_t *out);

/* Operands with any step, 0 for one value for all elements. */
void imse_add_stepped_s8_dsp(const imse_add_dsp_t *p, const int8_t *big, int32_t big_step,
                             const int8_t *small, int32_t small_step, int8_t *out);

#endif
