#include "imse_matmul.h"

void imse_matmul_s16(const imse_matmul_t *p, const int16_t *a, const int16_t *b, int16_t *out) {
  for (int32_t i = 0; i < p->rows; ++i) {
    for (int32_t j = 0; j < p->cols; ++j) {
      int64_t sum = 0;
      for (int32_t k = 0; k < p->depth; ++k) {
        sum += (int32_t)a[i * p->a_row + k * p->a_col] * b[k * p->b_row + j * p->b_col];
      }
      const int32_t value = imse_multiply_wide(sum, p->out.mantissa, p->out.shift);
      out[i * p->out_row + j] = (int16_t)imse_clamp(value, INT16_MIN, INT16_MAX);
    }
  }
}
