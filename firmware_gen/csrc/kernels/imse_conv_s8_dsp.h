/* Convolution, one row of output pixels, two pixels and two channels at a time. Inputs are expanded
 * to int16 once per pixel; weights are doubled, int16 and interleaved beforehand; the input's zero
 * point is in the bias. */
#ifndef IMSE_CONV_S8_DSP_H
#define IMSE_CONV_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  /* Per two channels: both doubled biases; per tap and quad 4 int16 of each channel, order
   * 0 2 1 3; mantissa, add and shift of each channel. */
  const int32_t *weights;
  const int8_t *tables; /* results for -128 … 127 of the table kernel, else not used */
  int32_t table_step;   /* bytes from one channel's table to the next one's */
  int32_t *scratch;     /* 4 words per tap and quad */
  int32_t taps;
  int32_t run;
  int32_t pixels;       /* output pixels */
  int32_t step;         /* bytes from one output pixel's first input to the next one's */
  int32_t out_channels; /* even */
  int32_t out_pitch;    /* bytes from one output pixel to the next */
} imse_conv_dsp_t;

/* tap[i]: first input of run i for output pixel 0. */
void imse_conv_s8_dsp(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out);

/* The same, and every result goes through its channel's table. */
void imse_conv_table_s8_dsp(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out);

#endif
