#include "imse_extremum.h"

void imse_minimum_s8(const int8_t *a, int32_t a_step, const int8_t *b, int32_t b_step, int8_t *out,
                     int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    out[i] = *a < *b ? *a : *b;
    a += a_step;
    b += b_step;
  }
}
