/* Depthwise convolution, one row of output pixels: every channel is convolved on its own. */
#ifndef IMSE_DWCONV_S8_H
#define IMSE_DWCONV_S8_H

#include <stdint.h>

#include "imse_conv_s8.h"

typedef struct {
  const int8_t *weights;          /* [taps][channels] */
  const imse_channel_t *params;   /* [channels] */
  int32_t input_offset;           /* minus the zero point of the input */
  int32_t output_offset;          /* zero point of the output */
  int32_t low;                    /* range of the fused activation */
  int32_t high;
  int32_t taps;
  int32_t pixels;     /* output pixels */
  int32_t step;       /* bytes from one output pixel's first input to the next one's */
  int32_t channels;   /* output channels */
  int32_t multiplier; /* output channels per input channel */
  int32_t out_pitch;  /* bytes from one output pixel to the next */
} imse_dwconv_t;

/* tap[i]: input of tap i, channel 0, for output pixel 0. */
void imse_dwconv_s8(const imse_dwconv_t *p, const int8_t *const *tap, int8_t *out);

#endif
