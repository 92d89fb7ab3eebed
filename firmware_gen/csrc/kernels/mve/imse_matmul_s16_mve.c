#include "imse_matmul_s16_mve.h"

#include "imse_mve.h"

/* Eights of a vector, `gap` elements apart, filled up with zeros. */
static void place(const int16_t *in, int32_t step, int32_t depth, int16_t *to, int32_t gap) {
  const uint16x8_t steps = imse_steps_mve(step);
  for (; depth > 0; depth -= 8) {
    const mve_pred16_t lanes = vctp16q((uint32_t)depth);
    vstrhq_s16(to, vldrhq_gather_shifted_offset_z_s16(in, steps, lanes));
    in += 8 * step;
    to += gap;
  }
}

#define EIGHT(add)                         \
  "vldrh.16 q0, [r1], #16          \n\t"   \
  "vldrh.16 q1, [r2], #16          \n\t"   \
  "vmlaldav" add ".s16 r4, r5, q0, q1 \n\t" \
  "vldrh.16 q1, [r2], #16          \n\t"   \
  "vmlaldav" add ".s16 r6, r7, q0, q1 \n\t" \
  "vldrh.16 q1, [r2], #16          \n\t"   \
  "vmlaldav" add ".s16 r8, r9, q0, q1 \n\t" \
  "vldrh.16 q1, [r2], #16          \n\t"   \
  "vmlaldav" add ".s16 r10, r11, q0, q1 \n\t"

/* sum * factor / 2^shift, to nearest, halves up. */
#define ROUNDED(low, high)                 \
  "mul      " high ", " high ", r1 \n\t"   \
  "umull    " low ", r12, " low ", r1 \n\t" \
  "add      " high ", r12          \n\t"   \
  "sqrshrl  " low ", " high ", #64, r3 \n\t"

/* A row times four columns whose eights alternate; in assembly as compilers move 64-bit values
 * about. */
static int32x4_t __attribute__((noinline))
dot(const imse_matmul_s16_mve_t *p, const int16_t *row, const int16_t *columns, int32_t eights) {
  register const imse_matmul_s16_mve_t *r0 __asm__("r0") = p;
  register const int16_t *r1 __asm__("r1") = row;
  register const int16_t *r2 __asm__("r2") = columns;
  register int32_t r3 __asm__("r3") = eights;
  register int32x4_t sums __asm__("q0");
  __asm__ volatile(EIGHT("")
                   "subs     r3, #1                 \n\t"
                   "wls      lr, r3, 2f             \n\t"
                   "1:                              \n\t" EIGHT("a")
                   "le       lr, 1b                 \n\t"
                   "2:                              \n\t"
                   "ldrd     r1, r3, [r0, #4]       \n\t" /* factor, shift */
                   ROUNDED("r4", "r5") ROUNDED("r6", "r7") ROUNDED("r8", "r9")
                   ROUNDED("r10", "r11")
                   "vmov     q0[2], q0[0], r4, r8   \n\t"
                   "vmov     q0[3], q0[1], r6, r10  \n\t"
                   : "+r"(r1), "+r"(r2), "+r"(r3), "=w"(sums)
                   : "r"(r0)
                   : "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "d2", "d3",
                     "cc", "memory");
  return sums;
}

void imse_matmul_s16_mve(const imse_matmul_s16_mve_t *p, const int16_t *a, const int16_t *b,
                         int16_t *out) {
  const int32_t eights = (p->depth + 7) >> 3;
  int16_t *const row = p->scratch;
  int16_t *const columns = row + 8 * eights;
  const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)p->out_col);
  for (int32_t j = 0; j < p->cols; ++j) {
    int16_t *const to = columns + (j >> 2) * 32 * eights + (j & 3) * 8;
    place(b + j * p->b_col, p->b_row, p->depth, to, 32);
  }
  for (int32_t i = 0; i < p->rows; ++i) {
    place(a + i * p->a_row, p->a_col, p->depth, row, 8);
    int16_t *to = out + i * p->out_row;
    const int16_t *w = columns;
    for (int32_t n = p->cols; n > 0; n -= 4) {
      const int32x4_t value = dot(p, row, w, eights);
      const int32x4_t limited =
          vminq_s32(vmaxq_s32(value, vdupq_n_s32(INT16_MIN)), vdupq_n_s32(INT16_MAX));
      vstrhq_scatter_shifted_offset_p_s32(to, steps, limited, vctp32q((uint32_t)n));
      to += 4 * p->out_col;
      w += 32 * eights;
    }
  }
}
