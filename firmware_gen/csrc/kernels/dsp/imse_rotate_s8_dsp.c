#include "imse_rotate_s8_dsp.h"

/* What a row needs, in the order the loads below have it. */
typedef struct {
  int32_t straight_mantissa;
  int32_t straight_add;
  int32_t straight_shift;
  int32_t crossed_mantissa;
  int32_t crossed_add;
  int32_t crossed_shift;
  int32_t sum_factor;
  const int32_t *shares;
  const int8_t *in;
  const int32_t *angles;
  int32_t offset; /* in both halves */
  int32_t half;
  const int8_t *end; /* of the first halves of the pairs */
} row_t;

#if defined(__ARM_FEATURE_DSP)

#define IMSE_ROUND(x)                     \
  "smmlar lr, " x ", r6, r7         \n\t" \
  "add    lr, lr, " x ", asr #31    \n\t" \
  "asr    lr, lr, r12               \n\t" \
  "ssat   " x ", #8, lr             \n\t"

/* Pairs 0 and 2, or 1 and 3, of four. */
#define IMSE_TURN(rotation, first, second)               \
  "ldrd   r1, r2, [r0, #32]         \n\t"                \
  "ldrd   r9, r10, [r0, #40]        \n\t"                \
  "ldr    r4, [r1, r10]             \n\t"                \
  "ldr    r5, [r1]                  \n\t"                \
  "ldrd   r6, r7, [r2], #8          \n\t"                \
  "str    r2, [r0, #36]             \n\t"                \
  "sxtab16 r5, r9, r5" rotation "   \n\t"                \
  "sxtab16 r4, r9, r4" rotation "   \n\t"                \
  "smulbb r1, r5, r6                \n\t"                \
  "smultt r2, r5, r6                \n\t"                \
  "smulbb r8, r4, r6                \n\t"                \
  "smultt r9, r4, r6                \n\t"                \
  "smulbb r10, r4, r7               \n\t"                \
  "smultt r11, r4, r7               \n\t"                \
  "smulbb r4, r5, r7                \n\t"                \
  "smultt r5, r5, r7                \n\t"                \
  "rsb    r10, r10, #0              \n\t"                \
  "rsb    r11, r11, #0              \n\t"                \
  "ldmia  r0, {r6, r7, r12}         \n\t"                \
  IMSE_ROUND("r1") IMSE_ROUND("r2") IMSE_ROUND("r8") IMSE_ROUND("r9") \
  "add    lr, r0, #12               \n\t"                \
  "ldmia  lr, {r6, r7, r12}         \n\t"                \
  IMSE_ROUND("r10") IMSE_ROUND("r11") IMSE_ROUND("r4") IMSE_ROUND("r5") \
  "ldrd   r6, r7, [r0, #24]         \n\t"                \
  "ldr    r10, [r7, r10, lsl #2]    \n\t"                \
  "ldr    r11, [r7, r11, lsl #2]    \n\t"                \
  "ldr    r4, [r7, r4, lsl #2]      \n\t"                \
  "ldr    r5, [r7, r5, lsl #2]      \n\t"                \
  "mla    r1, r1, r6, r10           \n\t"                \
  "mla    r2, r2, r6, r11           \n\t"                \
  "mla    r8, r8, r6, r4            \n\t"                \
  "mla    r9, r9, r6, r5            \n\t"                \
  "ldr    r10, [r0, #44]            \n\t"                \
  "ssat   r1, #8, r1, asr %[bits]   \n\t"                \
  "ssat   r2, #8, r2, asr %[bits]   \n\t"                \
  "ssat   r8, #8, r8, asr %[bits]   \n\t"                \
  "ssat   r9, #8, r9, asr %[bits]   \n\t"                \
  "add    r10, r3, r10              \n\t"                \
  "strb   r1, [r3, #" first "]      \n\t"                \
  "strb   r2, [r3, #" second "]     \n\t"                \
  "strb   r8, [r10, #" first "]     \n\t"                \
  "strb   r9, [r10, #" second "]    \n\t"

/* Four pairs at a time; in assembly as a whole, as it takes all registers. */
static void __attribute__((noinline)) rotate_row(row_t *row, int8_t *out) {
  register row_t *r0 __asm__("r0") = row;
  register int8_t *r3 __asm__("r3") = out;
  __asm__ volatile(
      "1:                            \n\t"
      IMSE_TURN("", "0", "2") IMSE_TURN(", ror #8", "1", "3")
      "ldr    r1, [r0, #32]          \n\t"
      "ldr    r2, [r0, #48]          \n\t"
      "add    r3, r3, #4             \n\t"
      "add    r1, r1, #4             \n\t"
      "str    r1, [r0, #32]          \n\t"
      "cmp    r1, r2                 \n\t"
      "bne    1b                     \n\t"
      : "+r"(r0), "+r"(r3)
      : [bits] "i"(IMSE_SUM_BITS)
      : "r1", "r2", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#undef IMSE_ROUND
#undef IMSE_TURN

#else

static int8_t sum(const row_t *row, int32_t straight, int32_t crossed) {
  const int32_t a =
      imse_scale_s8(straight, row->straight_mantissa, row->straight_add, row->straight_shift);
  const int32_t b =
      imse_scale_s8(crossed, row->crossed_mantissa, row->crossed_add, row->crossed_shift);
  return (int8_t)imse_ssat8((a * row->sum_factor + row->shares[b]) >> IMSE_SUM_BITS);
}

static void rotate_row(row_t *row, int8_t *out) {
  for (; row->in < row->end; row->in += 4) {
    for (int32_t i = 0; i < 4; ++i) {
      const int32_t *const words = row->angles + (i & 1) * 2;
      const int32_t cosine = i < 2 ? imse_low(words[0]) : imse_high(words[0]);
      const int32_t sine = i < 2 ? imse_low(words[1]) : imse_high(words[1]);
      const int32_t x = row->in[i] + imse_low(row->offset);
      const int32_t y = row->in[i + row->half] + imse_low(row->offset);
      out[i] = sum(row, x * cosine, -y * sine);
      out[i + row->half] = sum(row, y * cosine, x * sine);
    }
    row->angles += 4;
    out += 4;
  }
}

#endif

void imse_rotate_s8_dsp(const imse_rotate_dsp_t *p, const int32_t *angles, const int8_t *in,
                        int8_t *out) {
  row_t row = {p->straight.mantissa,
               p->straight.add,
               p->straight.shift,
               p->crossed.mantissa,
               p->crossed.add,
               p->crossed.shift,
               p->sum_factor,
               p->shares,
               in,
               angles,
               imse_pair(p->offset, p->offset),
               p->half,
               in};
  for (int32_t left = p->rows; left > 0; --left) {
    row.in = in;
    row.end = in + p->half;
    rotate_row(&row, out);
    in += p->in_pitch;
    out += p->out_pitch;
  }
}
