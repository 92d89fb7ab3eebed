#include "imse_requant.h"

void imse_requant_s16(const imse_requant_t *p, const int16_t *in, int16_t *out, int32_t n) {
  const imse_requant_t q = *p; /* which `out` cannot change */
  for (int32_t i = 0; i < n; ++i) {
    out[i] = (int16_t)imse_requant_one(&q, in[i]);
  }
}
