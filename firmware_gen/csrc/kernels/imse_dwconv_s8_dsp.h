/* Depthwise convolution, one row of output pixels, four channels at a time. Two taps share one
 * word, so that a dual multiply-accumulate takes both. Weights are doubled; the input's zero point
 * is in the bias. */
#ifndef IMSE_DWCONV_S8_DSP_H
#define IMSE_DWCONV_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  /* Per four channels: 4 doubled biases; per two taps one word of two int16 for each channel; for
   * a last odd tap 4 int16, order 0 2 1 3; mantissa, add and shift of each channel. */
  const int32_t *weights;
  int32_t taps;      /* at least 2 */
  int32_t pixels;    /* output pixels */
  int32_t step;      /* bytes from one output pixel's first input to the next one's */
  int32_t channels;  /* a multiple of 4 */
  int32_t out_pitch; /* bytes from one output pixel to the next */
} imse_dwconv_dsp_t;

/* tap[i]: input of tap i, channel 0, for output pixel 0. */
void imse_dwconv_s8_dsp(const imse_dwconv_dsp_t *p, const int8_t *const *tap, int8_t *out);

#endif
