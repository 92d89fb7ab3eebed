/* Sigmoid of int16 values, linear between the values of a table. */
#ifndef IMSE_LOGISTIC_S16_H
#define IMSE_LOGISTIC_S16_H

#include <stdint.h>

typedef struct {
  const int16_t *table; /* uint16 sigmoid(n / 24) * 2^16, n = 0 ... 255 */
  int32_t factor;       /* with the shift: brings the input to steps of 1/12288 */
  int32_t shift;
} imse_logistic_s16_t;

/* The results have 15 fractional bits. */
void imse_logistic_s16(const imse_logistic_s16_t *p, const int16_t *in, int16_t *out, int32_t n);

#endif
