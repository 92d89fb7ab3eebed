/* Means with Helium. */
#ifndef IMSE_SUMS_MVE_H
#define IMSE_SUMS_MVE_H

#include "imse_mean.h"
#include "imse_window_mean_s8.h"

void imse_mean_s8_mve(const imse_mean_t *p, const int8_t *in, int8_t *out);

void imse_window_mean_s8_mve(const imse_window_mean_t *p, const int8_t *newest, int32_t *sums,
                             int8_t *out);
void imse_window_drop_s8_mve(const int8_t *oldest, int32_t *sums, int32_t channels);

#endif
