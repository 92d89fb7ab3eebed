#include "imse_mean_s8_dsp.h"

void imse_mean_s8_dsp(const imse_mean_dsp_t *p, const int8_t *in, int8_t *out) {
  for (int32_t left = p->columns; left > 0; left -= 4) {
    int32_t even = 0;
    int32_t odd = 0;
    for (int32_t b = 0; b < p->blocks; ++b) {
      const int8_t *row = in + b * p->block_pitch;
      for (int32_t r = p->rows; r > 0; --r) {
        const uint32_t word = imse_load4(row);
        even = imse_sxtab16(even, word);
        odd = imse_sxtab16_high(odd, word);
        row += p->row_pitch;
      }
    }
    const int32_t sums[4] = {(int16_t)even, (int16_t)odd, even >> 16, odd >> 16};
    for (int32_t c = 0; c < 4; ++c) {
      *out++ = imse_scale_s8(p->out.bias + 2 * sums[c], p->out.mantissa, p->out.add, p->out.shift);
    }
    in += 4;
  }
}
