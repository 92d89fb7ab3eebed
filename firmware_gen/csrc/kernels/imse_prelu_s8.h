/* Parametric ReLU. */
#ifndef IMSE_PRELU_S8_H
#define IMSE_PRELU_S8_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t positive;
  imse_multiplier_t negative;
  int32_t input_offset; /* minus the zero point of the input */
  int32_t alpha_offset;
  int32_t output_offset;
} imse_prelu_t;

/* alpha_step is 1, or 0 for one slope for all elements. */
void imse_prelu_s8(const imse_prelu_t *p, const int8_t *in, const int8_t *alpha,
                   int32_t alpha_step, int8_t *out, int32_t n);

#endif
