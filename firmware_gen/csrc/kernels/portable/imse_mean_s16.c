#include "imse_mean.h"

void imse_mean_s16(const imse_mean_t *p, const int16_t *in, int16_t *out) {
  for (int32_t c = 0; c < p->columns; ++c) {
    int32_t sum = p->input_offset;
    for (int32_t b = 0; b < p->blocks; ++b) {
      const int16_t *row = in + b * p->block_pitch + c * p->column_pitch;
      for (int32_t r = 0; r < p->rows; ++r) {
        sum += *row;
        row += p->row_pitch;
      }
    }
    const int32_t value = imse_multiply(sum, p->out.mantissa, p->out.shift) + p->output_offset;
    out[c] = (int16_t)imse_clamp(value, INT16_MIN, INT16_MAX);
  }
}
