#include "imse_add_s8_dsp.h"

void imse_add_stepped_s8_dsp(const imse_add_dsp_t *p, const int8_t *big, int32_t big_step,
                             const int8_t *small, int32_t small_step, int8_t *out) {
  const int32_t *const share = p->small + 128;
  const int32_t big_factor = p->big_factor;
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
  for (int32_t i = 0; i < p->n; ++i) {
    const int32_t twice = share[*small] + *big * big_factor;
    out[i] = imse_scale_s8(twice, mantissa, add, shift);
    big += big_step;
    small += small_step;
  }
}
