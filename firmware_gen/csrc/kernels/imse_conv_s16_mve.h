/* Convolution of int16 inputs and int8 weights with Helium where the sums fit 32 bits, one row of
 * output pixels, four pixels and two channels at a time: dot products over 8 values. */
#ifndef IMSE_CONV_S16_MVE_H
#define IMSE_CONV_S16_MVE_H

#include "imse_conv_s8_mve.h"

/* As in imse_conv_s8_mve.h: lengths, steps and pitches are bytes, `blocks` are 8 inputs, and
 * `out_channels` stands for the bytes of all channels.
 * Weights are, per two channels: per 8 inputs 8 weights of each; per channel the bias, a factor and
 * minus a right shift, for sum * factor / 2^31 / 2^shift; the lower and the upper limit, twice in
 * a word each. */
void imse_conv_s16_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);

/* The same with the limits of a fused activation. */
void imse_conv_limits_s16_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);

#endif
