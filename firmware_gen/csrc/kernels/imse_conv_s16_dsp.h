/* Convolution of int16 inputs with int8 weights, one row of output pixels, two pixels and two
 * channels at a time, where the sums fit 32 bits. */
#ifndef IMSE_CONV_S16_DSP_H
#define IMSE_CONV_S16_DSP_H

#include <stdint.h>

#include "imse_dot.h"
#include "imse_round_s16_dsp.h"

typedef struct {
  /* Per two channels: both biases; per tap and quad 4 int16 of each channel; per channel
   * factor and shift, half a unit, see imse_round_s16. */
  const int32_t *weights;
  int32_t *scratch; /* 4 words per tap and quad */
  imse_limits_s16_t limits;
  int32_t taps;
  int32_t run;
  int32_t pixels;       /* output pixels */
  int32_t step;         /* elements from one output pixel's first input to the next one's */
  int32_t out_channels; /* even */
  int32_t out_pitch;    /* elements from one output pixel to the next */
} imse_conv_s16_dsp_t;

/* tap[i]: first input of run i for output pixel 0. */
void imse_conv_s16_dsp(const imse_conv_s16_dsp_t *p, const int16_t *const *tap, int16_t *out);

#endif
