#include "imse_logistic_s16.h"

enum { STEP_BITS = 9, LAST = 255 };

void imse_logistic_s16(const imse_logistic_s16_t *p, const int16_t *in, int16_t *out, int32_t n) {
  const imse_logistic_s16_t q = *p; /* which `out` cannot change */
  const int32_t half = q.shift > 0 ? 1 << (q.shift - 1) : 0;
  for (int32_t i = 0; i < n; ++i) {
    const int32_t x = (in[i] * q.factor + half) >> q.shift;
    const uint32_t size = (uint32_t)(x < 0 ? -x : x);
    const uint32_t place = size >> STEP_BITS;
    uint32_t fine = 0x7FFFu << 10; /* 25 fractional bits */
    if (place < LAST) {
      const uint32_t low = (uint16_t)q.table[place], high = (uint16_t)q.table[place + 1];
      fine = (low << STEP_BITS) + (size & ((1u << STEP_BITS) - 1)) * (high - low);
    }
    fine = x >= 0 ? fine + (1u << STEP_BITS) : (1u << 25) - fine + (1u << STEP_BITS) - 1;
    out[i] = (int16_t)(fine >> 10);
  }
}
