/* Copies between layouts with Helium. */
#ifndef IMSE_COPY_MVE_H
#define IMSE_COPY_MVE_H

#include "imse_copy.h"

void imse_copy_rows_mve(const imse_copy_t *p, int8_t *out, const int8_t *in);
void imse_gather_s8_mve(int8_t *out, const int8_t *in, int32_t in_step, int32_t n);
void imse_gather_s16_mve(int16_t *out, const int16_t *in, int32_t in_step, int32_t n);

#endif
