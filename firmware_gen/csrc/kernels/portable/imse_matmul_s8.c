#include "imse_matmul.h"

void imse_matmul_s8(const imse_matmul_t *p, const int8_t *a, const int8_t *b, int8_t *out) {
  for (int32_t i = 0; i < p->rows; ++i) {
    for (int32_t j = 0; j < p->cols; ++j) {
      int32_t sum = 0;
      for (int32_t k = 0; k < p->depth; ++k) {
        sum += (a[i * p->a_row + k * p->a_col] + p->a_offset) *
               (b[k * p->b_row + j * p->b_col] + p->b_offset);
      }
      const int32_t value =
          imse_multiply(sum, p->out.mantissa, p->out.shift) + p->output_offset;
      out[i * p->out_row + j] = (int8_t)imse_clamp(value, -128, 127);
    }
  }
}
