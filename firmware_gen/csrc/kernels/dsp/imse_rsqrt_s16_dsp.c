#include "imse_rsqrt_s16_dsp.h"

#include "imse_root_dsp.h"

void imse_rsqrt_s16_dsp(const imse_multiplier_t *scale, const int16_t *in, int16_t *out,
                        int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    out[i] = (int16_t)imse_root_one(scale, in[i]);
  }
}
