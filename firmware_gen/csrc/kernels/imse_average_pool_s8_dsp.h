/* Average pooling, four channels at a time; windows of at most 128 pixels, so that sums fit 16
 * bits. */
#ifndef IMSE_AVERAGE_POOL_S8_DSP_H
#define IMSE_AVERAGE_POOL_S8_DSP_H

#include "imse_average_pool_s8.h"

/* The number of channels is a multiple of 4. */
void imse_average_pool_s8_dsp(const imse_average_pool_t *p, const int8_t *in, int8_t *out);

#endif
