/* Smaller and larger ones of two vectors of one quantization. */
#ifndef IMSE_EXTREMUM_H
#define IMSE_EXTREMUM_H

#include <stdint.h>

/* The steps are 1, or 0 for an operand that is one value for all elements. */
void imse_minimum_s8(const int8_t *a, int32_t a_step, const int8_t *b, int32_t b_step, int8_t *out,
                     int32_t n);
void imse_minimum_s16(const int16_t *a, int32_t a_step, const int16_t *b, int32_t b_step, int16_t *out,
                      int32_t n);
void imse_maximum_s8(const int8_t *a, int32_t a_step, const int8_t *b, int32_t b_step, int8_t *out,
                     int32_t n);
void imse_maximum_s16(const int16_t *a, int32_t a_step, const int16_t *b, int32_t b_step, int16_t *out,
                      int32_t n);

#endif
