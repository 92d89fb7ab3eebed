/* Mean of the int16 values that a table gives for int8 ones. */
#ifndef IMSE_MEAN_TABLE_S16_DSP_H
#define IMSE_MEAN_TABLE_S16_DSP_H

#include "imse_mean.h"

typedef struct {
  imse_mean_t mean;     /* sizes and pitches of the int8 values */
  const int16_t *table; /* at the result for 0 */
} imse_mean_table_dsp_t;

void imse_mean_table_s16_dsp(const imse_mean_table_dsp_t *p, const int8_t *in, int16_t *out);

#endif
