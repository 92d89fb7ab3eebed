/* Quotient of two int8 vectors: one multiplication by a factor per divisor, which rounds to the same
 * bytes as the step by step form. Dividends near 0 give a limit of the range, by their sign. */
#ifndef IMSE_DIV_S8_DSP_H
#define IMSE_DIV_S8_DSP_H

#include <stdint.h>

#include "imse_div_s8.h"
#include "imse_simd.h"

/* Number of dividends near 0 of a divisor without a factor, which takes the step by step form. */
#define IMSE_DIV_EXACT 16384

typedef struct {
  int32_t factor; /* of the dividend, with the sign of the divisor */
  int32_t near;   /* low half: minus the least of the dividends near 0; high half: their number */
} imse_divisor_t;

typedef struct {
  const imse_divisor_t *divisors; /* at the one of a byte of 0 */
  const imse_div_t *exact;
  int32_t a_zero_point;
  int32_t add; /* half a unit and the zero point of the output */
  int32_t shift;
  int32_t of_zero; /* result for a 0 near 0 */
} imse_div_dsp_t;

/* Operands with any step, 0 for one value for all elements. */
void imse_div_s8_dsp(const imse_div_dsp_t *p, const int8_t *a, int32_t a_step, const int8_t *b,
                     int32_t b_step, int8_t *out, int32_t n);

#endif
