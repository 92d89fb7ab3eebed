/* Mean or sum over rows, or over blocks of rows, four columns at a time. */
#ifndef IMSE_MEAN_S8_DSP_H
#define IMSE_MEAN_S8_DSP_H

#include "imse_mean.h"

/* As imse_mean_s8, for at most 256 rows in all and a multiple of four columns that lie behind each
 * other. */
void imse_mean_s8_dsp(const imse_mean_t *p, const int8_t *in, int8_t *out);

#endif
