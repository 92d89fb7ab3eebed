/* Functions of one int16 value with Helium. */
#ifndef IMSE_FUNCTIONS_MVE_H
#define IMSE_FUNCTIONS_MVE_H

#include "imse_logistic_s16.h"
#include "imse_rsqrt_s16.h"

/* As in imse_rsqrt_s16.h and imse_logistic_s16.h. */
void imse_rsqrt_s16_mve(const imse_multiplier_t *scale, const int16_t *in, int16_t *out,
                        int32_t n);
void imse_logistic_s16_mve(const imse_logistic_s16_t *p, const int16_t *in, int16_t *out,
                           int32_t n);

#endif
