#include "imse_mul_s8_dsp.h"

#if defined(__ARM_FEATURE_DSP)

typedef struct {
  int32_t mantissa;
  int32_t add;
  int32_t shift;
  union {
    int32_t a_pair;       /* twice the offset of a, in both halves */
    const int16_t *table; /* or the table of a, at the result for 0 */
  } first;
  int32_t b_pair; /* offset of b in both halves */
  const int8_t *last;
} quads_t;

/* Rounds a doubled product and stores it. */
#define IMSE_ROUND(sum)                     \
  "smmlar  r11, " sum ", r4, r5     \n\t" \
  "add     r11, r11, " sum ", asr #31 \n\t" \
  "asr     r11, r11, r6             \n\t" \
  "ssat    r11, #8, r11             \n\t" \
  "strb    r11, [r3], #1            \n\t"

/* Rounds and stores four of them, and starts over until `last`. */
#define IMSE_ROUND_FOUR                                                 \
  IMSE_ROUND("r12") IMSE_ROUND("lr") IMSE_ROUND("r0") IMSE_ROUND("r10") \
  "cmp     r3, r9                   \n\t"                               \
  "bne     1b                       \n\t"

#define IMSE_OPERANDS                                                                           \
  : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)                                                      \
  :                                                                                             \
  : "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"

/* Four elements at a time; in assembly as a whole, as it takes all registers. */
static void __attribute__((noinline)) multiply(const quads_t *quads, const int8_t *a,
                                               const int8_t *b, int8_t *out) {
  register const quads_t *r0 __asm__("r0") = quads;
  register const int8_t *r1 __asm__("r1") = a;
  register const int8_t *r2 __asm__("r2") = b;
  register int8_t *r3 __asm__("r3") = out;
  __asm__ volatile(
      "ldmia   r0, {r4-r9}              \n\t"
      "1:                               \n\t"
      "ldr     r10, [r1], #4            \n\t"
      "ldr     r11, [r2], #4            \n\t"
      "sxtab16 r12, r7, r10             \n\t"
      "sxtab16 lr, r7, r10, ror #8      \n\t"
      "sxtab16 r12, r12, r10            \n\t"
      "sxtab16 lr, lr, r10, ror #8      \n\t"
      "sxtab16 r10, r8, r11             \n\t"
      "sxtab16 r11, r8, r11, ror #8     \n\t"
      "smultt  r0, r12, r10             \n\t"
      "smulbb  r12, r12, r10            \n\t"
      "smultt  r10, lr, r11             \n\t"
      "smulbb  lr, lr, r11              \n\t" IMSE_ROUND_FOUR IMSE_OPERANDS);
}

static void __attribute__((noinline)) multiply_table(const quads_t *quads, const int8_t *a,
                                                     const int8_t *b, int8_t *out) {
  register const quads_t *r0 __asm__("r0") = quads;
  register const int8_t *r1 __asm__("r1") = a;
  register const int8_t *r2 __asm__("r2") = b;
  register int8_t *r3 __asm__("r3") = out;
  __asm__ volatile(
      "ldmia   r0, {r4-r9}              \n\t"
      "1:                               \n\t"
      "ldr     r11, [r2], #4            \n\t"
      "ldrsb   r12, [r1], #1            \n\t"
      "ldrsb   lr, [r1], #1             \n\t"
      "ldrsb   r0, [r1], #1             \n\t"
      "sxtab16 r10, r8, r11             \n\t"
      "ldrsh   r12, [r7, r12, lsl #1]   \n\t"
      "ldrsh   r0, [r7, r0, lsl #1]     \n\t"
      "smulbb  r12, r12, r10            \n\t"
      "smulbt  r0, r0, r10              \n\t"
      "ldrsb   r10, [r1], #1            \n\t"
      "sxtab16 r11, r8, r11, ror #8     \n\t"
      "ldrsh   lr, [r7, lr, lsl #1]     \n\t"
      "ldrsh   r10, [r7, r10, lsl #1]   \n\t"
      "smulbb  lr, lr, r11              \n\t"
      "smulbt  r10, r10, r11            \n\t" IMSE_ROUND_FOUR IMSE_OPERANDS);
}

#endif

void imse_mul_s8_dsp(const imse_mul_dsp_t *p, const int8_t *a, const int8_t *b, int8_t *out) {
  int32_t n = p->n;
  const int32_t a_offset_twice = p->a_offset_twice;
  const int32_t b_offset = p->b_offset;
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
#if defined(__ARM_FEATURE_DSP)
  const int32_t whole = n & ~3;
  if (whole > 0) {
    const quads_t quads = {
        mantissa,
        add,
        shift,
        {.a_pair = imse_pair(a_offset_twice, a_offset_twice)},
        imse_pair(b_offset, b_offset),
        out + whole};
    multiply(&quads, a, b, out);
    a += whole;
    b += whole;
    out += whole;
    n -= whole;
  }
#endif
  for (; n > 0; --n) {
    const int32_t twice = (a_offset_twice + *a++ * 2) * (b_offset + *b++);
    *out++ = imse_scale_s8(twice, mantissa, add, shift);
  }
}

void imse_mul_table_s8_dsp(const imse_mul_dsp_t *p, const int8_t *a, const int8_t *b, int8_t *out) {
  int32_t n = p->n;
  const int16_t *const table = p->table + 128;
  const int32_t b_offset = p->b_offset;
  const int32_t mantissa = p->mantissa;
  const int32_t add = p->add;
  const int32_t shift = p->shift;
#if defined(__ARM_FEATURE_DSP)
  const int32_t whole = n & ~3;
  if (whole > 0) {
    const quads_t quads = {
        mantissa, add, shift, {.table = table}, imse_pair(b_offset, b_offset), out + whole};
    multiply_table(&quads, a, b, out);
    a += whole;
    b += whole;
    out += whole;
    n -= whole;
  }
#endif
  for (; n > 0; --n) {
    const int32_t twice = table[*a++] * (b_offset + *b++);
    *out++ = imse_scale_s8(twice, mantissa, add, shift);
  }
}
