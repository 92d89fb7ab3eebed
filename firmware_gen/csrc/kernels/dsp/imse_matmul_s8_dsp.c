#include "imse_matmul_s8_dsp.h"

#include "imse_dot.h"

static inline int8_t scaled(const imse_scale_t *q, int32_t sum) {
  return imse_scale_s8(2 * sum, q->mantissa, q->add, q->shift);
}

/* Expands a vector into every other pair of words, padded with zeros to a multiple of 4. */
static void expand(const int8_t *in, int32_t step, int32_t offset, int32_t depth, int32_t *to) {
  for (; depth >= 4; depth -= 4) {
    to[0] = imse_pair(in[0] + offset, in[step] + offset);
    to[1] = imse_pair(in[2 * step] + offset, in[3 * step] + offset);
    in += 4 * step;
    to += 4;
  }
  if (depth > 0) {
    const int32_t second = depth > 1 ? in[step] + offset : 0;
    to[0] = imse_pair(in[0] + offset, second);
    to[1] = imse_pair(depth > 2 ? in[2 * step] + offset : 0, 0);
  }
}

void imse_matmul_s8_dsp(const imse_matmul_dsp_t *p, const int8_t *a, const int8_t *b,
                        int8_t *out) {
  const int32_t quads = (p->depth + 3) >> 2;
  int32_t *const rows = p->scratch;
  int32_t *const columns = p->scratch + 4 * quads;
  for (int32_t j = 0; j < p->cols; j += 2) {
    int32_t *to = columns + 2 * quads * j;
    const int8_t *in = b + j * p->b_col;
    expand(in, p->b_row, p->b_offset, p->depth, to);
    expand(in + (j + 1 < p->cols ? p->b_col : 0), p->b_row, p->b_offset, p->depth, to + 2);
  }
  for (int32_t i = 0; i < p->rows; i += 2) {
    const int32_t two = i + 1 < p->rows;
    const int8_t *in = a + i * p->a_row;
    expand(in, p->a_col, p->a_offset, p->depth, rows);
    expand(in + (two ? p->a_row : 0), p->a_col, p->a_offset, p->depth, rows + 2);
    int8_t *first = out + i * p->out_row;
    int8_t *second = first + p->out_row;
    const int32_t *w = columns;
    for (int32_t j = 0; j < p->cols; j += 2) {
      int32_t sum[4] = {0, 0, 0, 0};
      w = imse_dot_2x2(rows, w, quads, sum);
      first[j] = scaled(&p->out, sum[0]);
      if (two) {
        second[j] = scaled(&p->out, sum[2]);
      }
      if (j + 1 < p->cols) {
        first[j + 1] = scaled(&p->out, sum[1]);
        if (two) {
          second[j + 1] = scaled(&p->out, sum[3]);
        }
      }
    }
  }
}
