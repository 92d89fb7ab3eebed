/* Change of scale and zero point from int16. */
#ifndef IMSE_REQUANT_H
#define IMSE_REQUANT_H

#include <stdint.h>

#include "imse_fixedpoint.h"

typedef struct {
  imse_multiplier_t out;
  int32_t input_offset; /* minus the zero point of the input */
  int32_t output_offset;
  int32_t low;
  int32_t high;
} imse_requant_t;

void imse_requant_s16_s8(const imse_requant_t *p, const int16_t *in, int8_t *out, int32_t n);
void imse_requant_s16(const imse_requant_t *p, const int16_t *in, int16_t *out, int32_t n);

static inline int32_t imse_requant_one(const imse_requant_t *p, int32_t value) {
  const int32_t scaled = imse_multiply(value + p->input_offset, p->out.mantissa, p->out.shift);
  return imse_clamp(scaled + p->output_offset, p->low, p->high);
}

#endif
