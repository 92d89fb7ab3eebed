#include "imse_squared_difference.h"

void imse_squared_difference_s16(const imse_squared_difference_t *p, const int16_t *a,
                                 int32_t a_step, const int16_t *b, int32_t b_step, int16_t *out,
                                 int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    out[i] = (int16_t)imse_squared_difference_one(p, *a, *b);
    a += a_step;
    b += b_step;
  }
}
