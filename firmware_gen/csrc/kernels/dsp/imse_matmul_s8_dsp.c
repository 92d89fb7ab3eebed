#include "imse_matmul_s8_dsp.h"

#include <stddef.h>

#include "imse_pixels_s8_dsp.h"

static inline uint32_t load2(const int8_t *p) {
  uint16_t half;
  memcpy(&half, p, sizeof half);
  return half;
}

/* Depths of two vectors as int16, per quad in the order 0 2 1 3, filled up with `fill`; returns the
 * place behind. */
static int32_t *expand(imse_vectors_t v, int32_t depth, int8_t fill, int32_t *to) {
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

int32_t *imse_matmul_pack_s8_dsp(const imse_matmul_dsp_t *p, imse_vectors_t columns, int32_t mark,
                                 int32_t *to) {
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

void imse_matmul_s8_dsp(const imse_matmul_dsp_t *p, const int8_t *a, const int8_t *b,
                        int8_t *out) {
  int32_t *const x = p->scratch;
  const int32_t cols = p->cols & ~1;
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
    const imse_vectors_t columns = {b + j * p->b_col, p->b_row, p->b_col};
    to = imse_matmul_pack_s8_dsp(p, columns, j + 2 < cols ? 0 : IMSE_LAST_CHANNEL, to);
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
    const imse_vectors_t rows = {a + i * p->a_row, p->a_col, two ? p->a_row : 0};
    expand(rows, p->depth, 0, x);
    pixels.first = out + i * p->out_row;
    pixels.pitch = two ? p->out_row : 0;
    imse_pixels_s8_dsp(&pixels);
  }
}
