#include "imse_matmul_s16_dsp.h"
#include "imse_simd.h"

/* Up to as many rows times as many columns of the result at once, by as many pairs of products. */
enum { SIDE = 8, PAIRS = 16, PACKED = SIDE * PAIRS, SUMS = 2 * SIDE * SIDE };

/* Four sums of 64 bits: two rows times two columns, the lower word of each first. */
enum { TILE = 8 };

static inline void pack_two(const int16_t *in, int32_t row, int32_t *to) {
  int32_t first;
  int32_t second;
  memcpy(&first, in, sizeof first);
  memcpy(&second, in + row, sizeof second);
  to[0] = (int32_t)(((uint32_t)first & 0xFFFFu) | ((uint32_t)second << 16));
  to[1] = (int32_t)(((uint32_t)first >> 16) | ((uint32_t)second & 0xFFFF0000u));
}

/* Per two columns, the pairs of values in neighbouring rows; filled up with zeros. */
static void pack(const int16_t *in, int32_t row, int32_t columns, int32_t pairs, int32_t *to) {
  for (int32_t c = 0; c < columns; c += 2) {
    const int16_t *from = in + c;
    int32_t *const end = to + 2 * pairs;
    for (; to + 4 <= end; to += 4) {
      pack_two(from, row, to);
      from += 2 * row;
      pack_two(from, row, to + 2);
      from += 2 * row;
    }
    if (to < end) {
      pack_two(from, row, to);
      to += 2;
    }
    for (int32_t i = pairs; i < PAIRS; ++i, to += 2) {
      to[0] = 0;
      to[1] = 0;
    }
  }
}

#if defined(__ARM_FEATURE_DSP)

#define IMSE_PAIR                         \
  "ldrd   r10, r11, [r0], #8        \n\t" \
  "ldrd   r12, lr, [r1], #8         \n\t" \
  "smlald r2, r3, r10, r12          \n\t" \
  "smlald r4, r5, r10, lr           \n\t" \
  "smlald r6, r7, r11, r12          \n\t" \
  "smlald r8, r9, r11, lr           \n\t"

#define IMSE_4_PAIRS IMSE_PAIR IMSE_PAIR IMSE_PAIR IMSE_PAIR

/* Adds PAIRS products to each of four sums; in assembly, as it takes all registers. */
static void __attribute__((noinline)) add_products(const int32_t *a, const int32_t *b,
                                                   int32_t *sums) {
  register const int32_t *r0 __asm__("r0") = a;
  register const int32_t *r1 __asm__("r1") = b;
  __asm__ volatile(
      "ldr    r2, %[sums]               \n\t"
      "ldmia  r2, {r2-r9}               \n\t"
      IMSE_4_PAIRS IMSE_4_PAIRS IMSE_4_PAIRS IMSE_4_PAIRS
      "ldr    r10, %[sums]              \n\t"
      "stmia  r10, {r2-r9}              \n\t"
      : "+r"(r0), "+r"(r1)
      : [sums] "m"(sums)
      : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "memory");
}

#undef IMSE_PAIR
#undef IMSE_4_PAIRS

#else

static void add_products(const int32_t *a, const int32_t *b, int32_t *sums) {
  for (int32_t i = 0; i < 4; ++i) {
    int64_t sum;
    memcpy(&sum, sums + 2 * i, sizeof sum);
    for (int32_t k = 0; k < PAIRS; ++k) {
      sum = imse_smlald(a[2 * k + (i >> 1)], b[2 * k + (i & 1)], sum);
    }
    memcpy(sums + 2 * i, &sum, sizeof sum);
  }
}

#endif

static inline int16_t rounded(const imse_matmul_s16_dsp_t *p, const int32_t *words) {
  int64_t sum;
  memcpy(&sum, words, sizeof sum);
  const int32_t high = (int32_t)((sum * p->factor) >> 32);
  return (int16_t)imse_ssat16((high + (1 << (p->shift - 1))) >> p->shift);
}

/* Up to SIDE rows and columns of the result. */
static void part(const imse_matmul_s16_dsp_t *p, const int16_t *a, const int16_t *b, int16_t *out,
                 int32_t rows, int32_t cols) {
  int32_t *const scratch = p->scratch;
  int32_t *const left = scratch + SUMS;
  int32_t *const right = left + PACKED;
  memset(scratch, 0, SUMS * sizeof *scratch);
  for (int32_t k = 0; k < p->depth; k += 2 * PAIRS) {
    const int32_t more = (p->depth - k) >> 1;
    const int32_t pairs = more < PAIRS ? more : PAIRS;
    pack(a + k * p->a_col, p->a_col, rows, pairs, left);
    pack(b + k * p->b_row, p->b_row, cols, pairs, right);
    int32_t *sums = scratch;
    for (int32_t i = 0; i < rows; i += 2) {
      for (int32_t j = 0; j < cols; j += 2) {
        add_products(left + i * PAIRS, right + j * PAIRS, sums);
        sums += TILE;
      }
    }
  }
  const int32_t *sums = scratch;
  for (int32_t i = 0; i < rows; i += 2) {
    int16_t *const first = out + i * p->out_row;
    for (int32_t j = 0; j < cols; j += 2) {
      first[j] = rounded(p, sums);
      first[j + 1] = rounded(p, sums + 2);
      first[p->out_row + j] = rounded(p, sums + 4);
      first[p->out_row + j + 1] = rounded(p, sums + 6);
      sums += TILE;
    }
  }
}

void imse_matmul_across_s16_dsp(const imse_matmul_s16_dsp_t *p, const int16_t *a, const int16_t *b,
                                int16_t *out) {
  for (int32_t i = 0; i < p->rows; i += SIDE) {
    const int32_t rows = p->rows - i < SIDE ? p->rows - i : SIDE;
    for (int32_t j = 0; j < p->cols; j += SIDE) {
      const int32_t cols = p->cols - j < SIDE ? p->cols - j : SIDE;
      part(p, a + i, b + j, out + i * p->out_row + j, rows, cols);
    }
  }
}
