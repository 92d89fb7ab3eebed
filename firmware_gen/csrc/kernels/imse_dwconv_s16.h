/* Depthwise convolution of int16 inputs with int8 weights, one row of output pixels. */
#ifndef IMSE_DWCONV_S16_H
#define IMSE_DWCONV_S16_H

#include <stdint.h>

#include "imse_conv_s16.h"

typedef struct {
  const int8_t *weights;            /* [taps][channels] */
  const imse_channel_s16_t *params; /* [channels] */
  int32_t low;                      /* range of the fused activation */
  int32_t high;
  int32_t taps;
  int32_t pixels;     /* output pixels */
  int32_t step;       /* elements from one output pixel's first input to the next one's */
  int32_t channels;   /* output channels */
  int32_t multiplier; /* output channels per input channel */
  int32_t out_pitch;  /* elements from one output pixel to the next */
} imse_dwconv_s16_t;

/* tap[i]: input of tap i, channel 0, for output pixel 0. */
void imse_dwconv_s16(const imse_dwconv_s16_t *p, const int16_t *const *tap, int16_t *out);

#endif
