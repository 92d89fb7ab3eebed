#include "imse_extremum.h"

void imse_maximum_s16(const int16_t *a, int32_t a_step, const int16_t *b, int32_t b_step, int16_t *out,
                      int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    out[i] = *a > *b ? *a : *b;
    a += a_step;
    b += b_step;
  }
}
