#include "imse_mean_table_s16_dsp.h"

#include "imse_simd.h"

/* Sums of one column, or of four that lie behind each other. */
static inline __attribute__((always_inline)) void add_up(const imse_mean_table_dsp_t *p,
                                                         const int8_t *in, int32_t count,
                                                         int32_t sums[4]) {
  const int16_t *const table = p->table;
  const int32_t next = p->mean.row_pitch;
  int32_t s0 = 0;
  int32_t s1 = 0;
  int32_t s2 = 0;
  int32_t s3 = 0;
  for (int32_t b = 0; b < p->mean.blocks; ++b) {
    const int8_t *row = in + b * p->mean.block_pitch;
    for (int32_t r = p->mean.rows; r > 0; --r) {
      s0 += table[row[0]];
      if (count == 4) {
        s1 += table[row[1]];
        s2 += table[row[2]];
        s3 += table[row[3]];
      }
      row += next;
    }
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}

void imse_mean_table_s16_dsp(const imse_mean_table_dsp_t *p, const int8_t *in, int16_t *out) {
  const imse_mean_t *const q = &p->mean;
  for (int32_t c = 0; c < q->columns;) {
    const int32_t count = q->column_pitch == 1 && c + 4 <= q->columns ? 4 : 1;
    const int8_t *const from = in + c * q->column_pitch;
    int32_t sums[4];
    if (count == 4) {
      add_up(p, from, 4, sums);
    } else {
      add_up(p, from, 1, sums);
    }
    for (int32_t i = 0; i < count; ++i) {
      const int32_t mean = imse_multiply(sums[i], q->out.mantissa, q->out.shift);
      out[c + i] = (int16_t)imse_ssat16(mean + q->output_offset);
    }
    c += count;
  }
}
