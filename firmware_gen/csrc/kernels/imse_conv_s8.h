/* Convolution, one row of output pixels: every output pixel is a dot product over `taps` runs of
 * `run` consecutive int8 inputs. 1x1, 1xk, kxk, strided, dilated and grouped convolutions and fully
 * connected layers all have this form; borders are written around the input beforehand. */
#ifndef IMSE_CONV_S8_H
#define IMSE_CONV_S8_H

#include <stdint.h>

typedef struct {
  int32_t bias;
  int32_t mantissa;
  int32_t shift;
} imse_channel_t;

typedef struct {
  const int8_t *weights;          /* [out_channels][taps][run] */
  const imse_channel_t *channels; /* [out_channels] */
  int32_t input_offset;           /* minus the zero point of the input */
  int32_t output_offset;          /* zero point of the output */
  int32_t low;                    /* range of the fused activation */
  int32_t high;
  int32_t taps;
  int32_t run;
  int32_t pixels;       /* output pixels */
  int32_t step;         /* bytes from one output pixel's first input to the next one's */
  int32_t out_channels;
  int32_t out_pitch;    /* bytes from one output pixel to the next */
} imse_conv_t;

/* tap[i]: first input of run i for output pixel 0. */
void imse_conv_s8(const imse_conv_t *p, const int8_t *const *tap, int8_t *out);

#endif
