/* Mean over the last frames: a depthwise convolution over time whose taps are all equal, kept as a
 * running sum. The sum is exact, so the result is the convolution's. */
#ifndef IMSE_WINDOW_MEAN_S8_H
#define IMSE_WINDOW_MEAN_S8_H

#include <stdint.h>

#include "imse_conv_s8.h"

typedef struct {
  const int8_t *weights;        /* [channels], the value of every tap */
  const imse_channel_t *params; /* [channels]; the bias includes the input's zero point */
  int32_t output_offset;
  int32_t low;
  int32_t high;
  int32_t channels;
} imse_window_mean_t;

/* Takes the newest row into the sums and writes the outputs. */
void imse_window_mean_s8(const imse_window_mean_t *p, const int8_t *newest, int32_t *sums,
                         int8_t *out);

/* Takes the oldest row out of the sums, before its place is written again. */
void imse_window_drop_s8(const int8_t *oldest, int32_t *sums, int32_t channels);

#endif
