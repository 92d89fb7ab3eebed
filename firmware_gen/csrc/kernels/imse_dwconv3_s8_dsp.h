/* Depthwise convolution with three kernel rows and neighbouring columns, one row of output pixels,
 * four channels at a time. Every input column is expanded once and then serves all pixels it
 * belongs to; two rows share one word, so that a dual multiply-accumulate takes both. Weights are
 * doubled; the input's zero point is in the bias. The kernel has at least three columns. */
#ifndef IMSE_DWCONV3_S8_DSP_H
#define IMSE_DWCONV3_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  /* Per four channels: 4 doubled biases; then per column 6 words: rows 0 and 1 of channel 0, of
   * channel 2, row 2 of channels 0 and 2; the same of channels 1 and 3. */
  const int32_t *weights;
  const imse_scale_t *params; /* [channels], without biases */
  int32_t *scratch;           /* 6 words per column: strip + columns - 1 */
  int32_t columns;            /* of the kernel */
  int32_t pixels;             /* output pixels */
  int32_t strip;              /* pixels whose columns fit into the scratch */
  int32_t step;               /* bytes from one pixel to the next one */
  int32_t channels;           /* a multiple of 4 */
  int32_t out_pitch;          /* bytes from one output pixel to the next */
} imse_dwconv3_dsp_t;

/* row[i]: input of kernel row i, column 0, channel 0, for output pixel 0. */
void imse_dwconv3_s8_dsp(const imse_dwconv3_dsp_t *p, const int8_t *const *row, int8_t *out);

#endif
