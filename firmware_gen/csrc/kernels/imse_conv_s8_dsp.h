/* Convolution, one row of output pixels, two pixels and two channels at a time. Inputs are expanded
 * to int16 once per pixel; weights are doubled, int16 and interleaved beforehand; the input's zero
 * point is in the bias. */
#ifndef IMSE_CONV_S8_DSP_H
#define IMSE_CONV_S8_DSP_H

#include <stdint.h>

typedef struct {
  /* As imse_pixels_t has them, tap by tap. Where a run ends within a quad, its last quad is moved
   * back to end with the run, and has weights of 0 for what the quad before it covers. */
  const int32_t *weights;
  const int8_t *tables; /* what every result goes through, at the one for 0, or NULL */
  int32_t table_step; /* bytes from one channel's table to the next one's */
  int32_t *scratch;   /* 4 words per tap and quad */
  int32_t taps;
  int32_t run;
  int32_t pixels;    /* output pixels */
  int32_t step;      /* bytes from one output pixel's first input to the next one's */
  int32_t out_pitch; /* bytes from one output pixel to the next */
} imse_conv_dsp_t;

/* tap[i]: first input of run i for output pixel 0. */
void imse_conv_s8_dsp(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out);

#endif
