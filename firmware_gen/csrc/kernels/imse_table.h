/* Unary operators on int8: one table lookup per element. */
#ifndef IMSE_TABLE_H
#define IMSE_TABLE_H

#include <stdint.h>

/* The tables hold the results for -128 … 127 in that order. */
void imse_table_s8(const int8_t *table, const int8_t *in, int8_t *out, int32_t n);
void imse_table_s8_s16(const int16_t *table, const int8_t *in, int16_t *out, int32_t n);

#endif
