/* Reciprocal square root of int16 values with zero point 0. */
#ifndef IMSE_RSQRT_S16_DSP_H
#define IMSE_RSQRT_S16_DSP_H

#include "imse_fixedpoint.h"

/* A value of zero or below gives the largest output. */
void imse_rsqrt_s16_dsp(const imse_multiplier_t *scale, const int16_t *in, int16_t *out, int32_t n);

#endif
