/* Parametric ReLU with one slope per element of a row. */
#ifndef IMSE_PRELU_S8_DSP_H
#define IMSE_PRELU_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  const int8_t *positive; /* results for inputs at and above the zero point, up to 127 */
  const int32_t *slopes;  /* [n], slopes without zero point, doubled */
  int32_t n;              /* elements of a row */
  int32_t in_pitch;       /* bytes from one row to the next */
  int32_t out_pitch;
  int32_t zero_point;     /* of the input */
  int32_t mantissa;       /* of the negative side */
  int32_t add;
  int32_t shift;
} imse_prelu_dsp_t;

/* `rows` rows of n elements. */
void imse_prelu_s8_dsp(const imse_prelu_dsp_t *p, const int8_t *in, int8_t *out, int32_t rows);

#endif
