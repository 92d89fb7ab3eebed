#include "imse_copy.h"

void imse_gather_s8(int8_t *out, const int8_t *in, int32_t in_step, int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    out[i] = in[i * in_step];
  }
}
