/* Element-wise operators with Helium, on rows of elements. */
#ifndef IMSE_ELEMENTWISE_MVE_H
#define IMSE_ELEMENTWISE_MVE_H

#include <stdint.h>

#include "imse_add.h"
#include "imse_div_s8.h"
#include "imse_mul.h"
#include "imse_mve.h"
#include "imse_requant.h"
#include "imse_squared_difference.h"

/* Sum or difference with any multipliers. */
void imse_add_s8_mve(const imse_add_t *p, const imse_grid_t *g, const int8_t *a, const int8_t *b,
                     int8_t *out);
void imse_add_s16_mve(const imse_add_t *p, const imse_grid_t *g, const int16_t *a,
                      const int16_t *b, int16_t *out);

typedef struct {
  const int32_t *shares; /* at the share for 0, for second operands -128 … 127, 22 fraction bits */
  int32_t factor;        /* of the first operand, 8 fraction bits more */
} imse_sum_mve_t;

/* Sum or difference as a share per value of the second operand plus a multiple of the first one. */
void imse_sum_s8_mve(const imse_sum_mve_t *p, const imse_grid_t *g, const int8_t *a,
                     const int8_t *b, int8_t *out);

/* Product; the shift is a right one. */
void imse_mul_s8_mve(const imse_mul_t *p, const imse_grid_t *g, const int8_t *a, const int8_t *b,
                     int8_t *out);

/* The same, and a goes through a table first: results without zero point for 0 … 127, -128 … -1. */
void imse_mul_table_s8_mve(const imse_mul_t *p, const int16_t *table, const imse_grid_t *g,
                           const int8_t *a, const int8_t *b, int8_t *out);

/* Squared difference; the shifts of a and b are not left ones. */
void imse_squared_difference_s8_mve(const imse_squared_difference_t *p, const imse_grid_t *g,
                                    const int8_t *a, const int8_t *b, int8_t *out);

/* Quotient, see imse_div_s8.h; the shift is at most 20. */
void imse_div_s8_mve(const imse_div_t *p, const imse_grid_t *g, const int8_t *a, const int8_t *b,
                     int8_t *out);

/* Smaller and larger ones of two values of one quantization; the steps of int16 are 0 or 1. */
void imse_minimum_s8_mve(const imse_grid_t *g, const int8_t *a, const int8_t *b, int8_t *out);
void imse_maximum_s8_mve(const imse_grid_t *g, const int8_t *a, const int8_t *b, int8_t *out);
void imse_minimum_s16_mve(const imse_grid_t *g, const int16_t *a, const int16_t *b, int16_t *out);
void imse_maximum_s16_mve(const imse_grid_t *g, const int16_t *a, const int16_t *b, int16_t *out);

typedef struct {
  const int8_t *positive; /* results for 0 … 127, -128 … -1 where the input is not negative */
  int32_t zero_point;     /* of the input */
  int32_t alpha_offset;
  int32_t mantissa;       /* of the negative side */
  int32_t shift;          /* minus a right one */
  int32_t output_offset;
} imse_prelu_mve_t;

/* Parametric ReLU; b are the slopes. */
void imse_prelu_s8_mve(const imse_prelu_mve_t *p, const imse_grid_t *g, const int8_t *a,
                       const int8_t *b, int8_t *out);

/* Tables hold the results for 0 … 127, -128 … -1. */
void imse_table_s8_mve(const int8_t *table, const int8_t *in, int8_t *out, int32_t n);
void imse_table_s8_s16_mve(const int16_t *table, const int8_t *in, int16_t *out, int32_t n);

/* Changes of scale from zero point 0; the shift is not a left one. */
void imse_requant_s16_mve(const imse_requant_t *p, const int16_t *in, int16_t *out, int32_t n);
void imse_requant_s16_s8_mve(const imse_requant_t *p, const int16_t *in, int8_t *out, int32_t n);

#endif
