/* Sum or difference of two int8 vectors: a share per value of the second operand plus a multiple of
 * the first one, which together round to the same bytes as the step by step form. */
#ifndef IMSE_SUM_S8_DSP_H
#define IMSE_SUM_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

#define IMSE_SUM_BITS 22

typedef struct {
  const int32_t *shares; /* for second operands -128 … 127, IMSE_SUM_BITS fraction bits */
  int32_t factor;        /* of the first operand, 8 fraction bits more */
  int32_t n;             /* elements */
} imse_sum_dsp_t;

void imse_sum_s8_dsp(const imse_sum_dsp_t *p, const int8_t *a, const int8_t *b, int8_t *out);

#endif
