#include "imse_extremum_s8_dsp.h"

void imse_maximum_s8_dsp(const int8_t *a, int32_t a_step, const int8_t *b, int32_t b_step,
                         int8_t *out, int32_t n) {
  imse_extremum_s8_dsp(imse_max4, a, a_step, b, b_step, out, n);
}
