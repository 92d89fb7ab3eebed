#include "imse_requant.h"

void imse_requant_s16_s8(const imse_requant_t *p, const int16_t *in, int8_t *out, int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    out[i] = (int8_t)imse_requant_one(p, in[i]);
  }
}
