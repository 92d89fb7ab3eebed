#include "imse_copy.h"

void imse_gather_s16(int16_t *out, const int16_t *in, int32_t in_step, int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    out[i] = in[i * in_step];
  }
}
