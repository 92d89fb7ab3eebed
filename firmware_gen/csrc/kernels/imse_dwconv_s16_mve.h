/* Depthwise convolution of int16 inputs with Helium where the sums fit 32 bits, eight channels at a
 * time; any strides and dilations. */
#ifndef IMSE_DWCONV_S16_MVE_H
#define IMSE_DWCONV_S16_MVE_H

#include "imse_dwconv_s8_mve.h"

/* As in imse_dwconv_s8_mve.h, steps and pitches in elements; rounding as in imse_conv_s16_mve.h:
 * bias, factor, minus the shift. The output's offset is 0. */
void imse_dwconv_s16_mve(const imse_dwconv_mve_t *p, const int16_t *const *tap, int16_t *out);

#endif
