/* Convolution of int16 inputs with int8 weights, one row of output pixels; sums have 64 bits. The
 * form is that of imse_conv_s8.h, without zero points. */
#ifndef IMSE_CONV_S16_H
#define IMSE_CONV_S16_H

#include <stdint.h>

typedef struct {
  int64_t bias;
  int32_t mantissa;
  int32_t shift;
} imse_channel_s16_t;

typedef struct {
  const int8_t *weights;              /* [out_channels][taps][run] */
  const imse_channel_s16_t *channels; /* [out_channels] */
  int32_t low;                        /* range of the fused activation */
  int32_t high;
  int32_t taps;
  int32_t run;
  int32_t pixels; /* output pixels */
  int32_t step;   /* elements from one output pixel's first input to the next one's */
  int32_t out_channels;
  int32_t out_pitch; /* elements from one output pixel to the next */
} imse_conv_s16_t;

/* tap[i]: first input of run i for output pixel 0. */
void imse_conv_s16(const imse_conv_s16_t *p, const int16_t *const *tap, int16_t *out);

#endif
