#include "imse_matmul_s16_dsp.h"

#include "imse_simd.h"

/* Two values that lie behind each other. */
static inline uint32_t two(const int16_t *in) {
  uint32_t word;
  memcpy(&word, in, sizeof word);
  return word;
}

/* The low and the high halves of two words. */
static inline int32_t lower(uint32_t first, uint32_t second) {
  return (int32_t)((first & 0xFFFFu) | (second << 16));
}

static inline int32_t upper(uint32_t first, uint32_t second) {
  return (int32_t)((first >> 16) | (second & 0xFFFF0000u));
}

static inline int16_t rounded(int32_t factor, int32_t shift, int64_t sum) {
  const int32_t high = (int32_t)((sum * factor) >> 32);
  return (int16_t)imse_ssat16((high + (1 << (shift - 1))) >> shift);
}

/* Two rows times two columns. */
static inline void block(const imse_matmul_s16_dsp_t *p, const int16_t *a, const int16_t *b,
                         int16_t *out) {
  const int32_t a_row = p->a_row;
  const int32_t b_row = p->b_row;
  int64_t s00 = 0;
  int64_t s01 = 0;
  int64_t s10 = 0;
  int64_t s11 = 0;
  for (int32_t k = p->depth; k > 0; k -= 2) {
    const int32_t x0 = (int32_t)two(a);
    const int32_t x1 = (int32_t)two(a + a_row);
    const uint32_t even = two(b);
    const uint32_t odd = two(b + b_row);
    const int32_t w0 = lower(even, odd);
    const int32_t w1 = upper(even, odd);
    s00 = imse_smlald(x0, w0, s00);
    s01 = imse_smlald(x0, w1, s01);
    s10 = imse_smlald(x1, w0, s10);
    s11 = imse_smlald(x1, w1, s11);
    a += 2;
    b += 2 * b_row;
  }
  const int32_t factor = p->factor;
  const int32_t shift = p->shift;
  int16_t *const below = out + p->out_row;
  out[0] = rounded(factor, shift, s00);
  out[1] = rounded(factor, shift, s01);
  below[0] = rounded(factor, shift, s10);
  below[1] = rounded(factor, shift, s11);
}

void imse_matmul_s16_dsp(const imse_matmul_s16_dsp_t *p, const int16_t *a, const int16_t *b,
                         int16_t *out) {
  for (int32_t i = 0; i < p->rows; i += 2) {
    for (int32_t j = 0; j < p->cols; j += 2) {
      block(p, a + i * p->a_row, b + j, out + i * p->out_row + j);
    }
  }
}
