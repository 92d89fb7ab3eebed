#include "imse_table.h"

void imse_table_s8_s16(const int16_t *table, const int8_t *in, int16_t *out, int32_t n) {
  const int16_t *const zero = table + 128;
  for (; n >= 4; n -= 4) {
    const int32_t a = in[0];
    const int32_t b = in[1];
    const int32_t c = in[2];
    const int32_t d = in[3];
    out[0] = zero[a];
    out[1] = zero[b];
    out[2] = zero[c];
    out[3] = zero[d];
    in += 4;
    out += 4;
  }
  for (; n > 0; --n) {
    *out++ = zero[*in++];
  }
}
