/* Means and pooling with Helium. */
#ifndef IMSE_SUMS_MVE_H
#define IMSE_SUMS_MVE_H

#include "imse_average_pool_s8.h"
#include "imse_mean.h"
#include "imse_window_mean_s8.h"

void imse_mean_s8_mve(const imse_mean_t *p, const int8_t *in, int8_t *out);
void imse_mean_s16_mve(const imse_mean_t *p, const int16_t *in, int16_t *out);

/* Windows of up to 4,000 pixels. */
void imse_average_pool_s8_mve(const imse_average_pool_t *p, const int8_t *in, int8_t *out);

void imse_window_mean_s8_mve(const imse_window_mean_t *p, const int8_t *newest, int32_t *sums,
                             int8_t *out);
void imse_window_drop_s8_mve(const int8_t *oldest, int32_t *sums, int32_t channels);

#endif
