#include "imse_matmul_s8_dsp.h"

#include <stddef.h>

#include "imse_pixels_s8_dsp.h"

/* Two vectors: rows of a or columns of b. */
typedef struct {
  const int8_t *in;
  int32_t step; /* elements from one depth to the next */
  int32_t next; /* elements from the first vector to the second, 0 for the first one twice */
} vectors_t;

static inline uint32_t load2(const int8_t *p) {
  uint16_t half;
  memcpy(&half, p, sizeof half);
  return half;
}

/* Depths of two vectors as int16, per quad in the order 0 2 1 3, filled up with `fill`; returns the
 * place behind. */
static int32_t *expand(vectors_t v, int32_t depth, int8_t fill, int32_t *to) {
  const int8_t *in = v.in;
  if (v.step == 1 && depth >= 4) {
    to = imse_expand_quads(in, in + v.next, depth >> 2, to);
    in += depth & ~3;
    depth &= 3;
  } else if (v.next == 1) {
    for (; depth >= 4; depth -= 4) {
      const uint32_t even = load2(in) | (load2(in + 2 * v.step) << 16);
      in += v.step;
      const uint32_t odd = load2(in) | (load2(in + 2 * v.step) << 16);
      in += 3 * v.step;
      to[0] = imse_sxtb16(even);
      to[1] = imse_sxtb16(odd);
      to[2] = imse_sxtb16_high(even);
      to[3] = imse_sxtb16_high(odd);
      to += 4;
    }
  }
  for (; depth > 0; depth -= 4) {
    int8_t bytes[8];
    for (int32_t i = 0; i < 4; ++i) {
      bytes[i] = i < depth ? in[i * v.step] : fill;
      bytes[4 + i] = i < depth ? in[i * v.step + v.next] : fill;
    }
    to = imse_expand_quads(bytes, bytes + 4, 1, to);
    in += 4 * v.step;
  }
  return to;
}

static inline int32_t twice(int32_t pair, int32_t offset) {
  const int32_t value = imse_sadd16(pair, offset);
  return imse_sadd16(value, value);
}

/* Two columns of b as weights with their share of a's zero point; returns the place behind. */
static int32_t *pack(const imse_matmul_dsp_t *p, vectors_t columns, int32_t mark, int32_t *to) {
  const int32_t offset = imse_pair(p->b_offset, p->b_offset);
  const int32_t share = imse_pair(p->a_offset, p->a_offset);
  int32_t *const end = expand(columns, p->depth, (int8_t)-p->b_offset, to + 2);
  int32_t first = 0;
  int32_t second = 0;
  for (int32_t *w = to + 2; w < end; w += 4) {
    const int32_t pair[4] = {twice(w[0], offset), twice(w[1], offset), twice(w[2], offset),
                             twice(w[3], offset)};
    first = imse_smlad(pair[0], share, imse_smlad(pair[1], share, first));
    second = imse_smlad(pair[2], share, imse_smlad(pair[3], share, second));
    memcpy(w, pair, sizeof pair);
  }
  to[0] = first;
  to[1] = second;
  for (int32_t i = 0; i < 2; ++i) {
    end[3 * i] = p->out.mantissa;
    end[3 * i + 1] = p->out.add;
    end[3 * i + 2] = p->out.shift;
  }
  end[5] |= mark;
  return end + 6;
}

/* The last one of an odd number of columns. */
static void __attribute__((noinline)) last_column(const imse_matmul_dsp_t *p, const int8_t *a,
                                                  const int8_t *b, int8_t *out) {
  const vectors_t column = {b, p->b_row, 0};
  const int32_t *const w = p->scratch + 2;
  pack(p, column, 0, p->scratch);
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

void imse_matmul_s8_dsp(const imse_matmul_dsp_t *p, const int8_t *a, const int8_t *b,
                        int8_t *out) {
  int32_t *const x = p->scratch;
  const int32_t cols = p->cols & ~1;
  if (cols < p->cols) {
    last_column(p, a, b + cols * p->b_col, out + cols);
  }
  if (cols == 0) {
    return;
  }
  int32_t *to = x + 4 * ((p->depth + 3) >> 2);
  imse_pixels_t pixels = {.x = x,
                          .x_end = to,
                          .tables = NULL,
                          .first = out,
                          .weights = to,
                          .taps = &a,
                          .taps_end = &a,
                          .step = p->a_row,
                          .quads = p->depth >> 2,
                          .pairs = p->rows >> 1,
                          .pitch = p->out_row};
  for (int32_t j = 0; j < cols; j += 2) {
    const vectors_t columns = {b + j * p->b_col, p->b_row, p->b_col};
    to = pack(p, columns, j + 2 < cols ? 0 : IMSE_LAST_CHANNEL, to);
  }
  int32_t i = 0;
  if (p->a_col == 1 && (p->depth & 3) == 0 && pixels.pairs > 0) {
    pixels.taps_end = &a + 1;
    imse_pixels_s8_dsp(&pixels);
    i = p->rows & ~1;
  }
  pixels.taps_end = &a;
  pixels.pairs = 1;
  for (; i < p->rows; i += 2) {
    /* The last one of an odd number of rows is computed twice, into the same place. */
    const int32_t two = i + 1 < p->rows;
    const vectors_t rows = {a + i * p->a_row, p->a_col, two ? p->a_row : 0};
    expand(rows, p->depth, 0, x);
    pixels.first = out + i * p->out_row;
    pixels.pitch = two ? p->out_row : 0;
    imse_pixels_s8_dsp(&pixels);
  }
}
