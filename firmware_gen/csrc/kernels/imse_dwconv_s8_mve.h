/* Depthwise convolution with Helium, one row of output pixels, eight channels at a time; any
 * strides and dilations. The input's zero point is in the bias. */
#ifndef IMSE_DWCONV_S8_MVE_H
#define IMSE_DWCONV_S8_MVE_H

#include <stdint.h>

typedef struct {
  const int8_t *weights; /* per eight channels: [taps][8], above -128 */
  const int32_t *params; /* per eight channels: bias, mantissa, minus the shift: channels 0 2 4 6,
                          * then 1 3 5 7 of each */
  int32_t output_offset;
  int32_t low;
  int32_t high;
  int32_t taps;
  int32_t pixels;
  int32_t step;      /* bytes from one output pixel's first input to the next one's */
  int32_t channels;
  int32_t out_pitch; /* bytes from one output pixel to the next */
} imse_dwconv_mve_t;

/* tap[i]: input of tap i, channel 0, for output pixel 0. */
void imse_dwconv_s8_mve(const imse_dwconv_mve_t *p, const int8_t *const *tap, int8_t *out);

#endif
