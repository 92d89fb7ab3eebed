/* Mean over the last frames as a running sum, see imse_window_mean_s8.h; all channels alike. */
#ifndef IMSE_WINDOW_MEAN_S8_DSP_H
#define IMSE_WINDOW_MEAN_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

typedef struct {
  imse_scale_t out; /* the bias includes the input's zero point */
  int32_t weight;   /* the value of every tap, doubled */
  int32_t channels;
} imse_window_mean_dsp_t;

/* Takes the newest row into the sums and writes the outputs. */
void imse_window_mean_s8_dsp(const imse_window_mean_dsp_t *p, const int8_t *newest, int32_t *sums,
                             int8_t *out);

#endif
