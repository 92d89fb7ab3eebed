#include "imse_matmul_s8_dsp.h"

/* The last one of an odd number of columns. */
static void last_column(const imse_matmul_dsp_t *p, const int8_t *a, const int8_t *b, int8_t *out) {
  const imse_vectors_t column = {b, p->b_row, 0};
  const int32_t *const w = p->scratch + 2;
  imse_matmul_pack_s8_dsp(p, column, 0, p->scratch);
  for (int32_t i = 0; i < p->rows; ++i) {
    int32_t sum = p->scratch[0];
    if (p->a_col == 1 && (p->depth & 3) == 0) {
      for (int32_t d = 0; d < p->depth; d += 4) {
        const uint32_t x = imse_load4(a + d);
        sum = imse_smlad(imse_sxtb16(x), w[d], sum);
        sum = imse_smlad(imse_sxtb16_high(x), w[d + 1], sum);
      }
    } else {
      for (int32_t d = 0; d < p->depth; ++d) {
        const int32_t pair = w[(d & ~3) + (d & 1)];
        const int32_t x = a[d * p->a_col];
        sum = (d & 2) ? imse_smlatt(imse_pair(0, x), pair, sum) : imse_smlabb(x, pair, sum);
      }
    }
    *out = imse_scale_s8(sum, p->out.mantissa, p->out.add, p->out.shift);
    a += p->a_row;
    out += p->out_row;
  }
}

void imse_matmul_odd_s8_dsp(const imse_matmul_dsp_t *p, const int8_t *a, const int8_t *b,
                            int8_t *out) {
  const int32_t even = p->cols - 1;
  last_column(p, a, b + even * p->b_col, out + even);
  if (even > 0) {
    imse_matmul_s8_dsp(p, a, b, out);
  }
}
