/* Sum, difference and product of two int16 vectors with zero points of 0; all shifts are right ones.
 * Steps as in imse_add.h. */
#ifndef IMSE_PAIR_S16_DSP_H
#define IMSE_PAIR_S16_DSP_H

#include "imse_add.h"
#include "imse_mul.h"

void imse_add_s16_dsp(const imse_add_t *p, const int16_t *a, int32_t a_step, const int16_t *b,
                      int32_t b_step, int16_t *out, int32_t n);
void imse_mul_s16_dsp(const imse_mul_t *p, const int16_t *a, int32_t a_step, const int16_t *b,
                      int32_t b_step, int16_t *out, int32_t n);

#endif
