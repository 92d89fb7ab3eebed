#include "imse_norm_s16_mve.h"

#include <stddef.h>

#include "imse_root_mve.h"

enum { BLOCK = 4 }; /* rows */

static inline int32_t sum_of(const int16_t *in, int32_t n) {
  int32_t sum = 0;
  __asm__ volatile(
      "wlstp.16 lr, %[n], 2f       \n\t"
      "1:                          \n\t"
      "vldrh.16 q0, [%[in]], #16   \n\t"
      "vaddva.s16 %[sum], q0       \n\t"
      "letp     lr, 1b             \n\t"
      "2:                          \n\t"
      : [in] "+r"(in), [sum] "+Te"(sum)
      : [n] "r"(n)
      : "lr", "d0", "d1", "cc", "memory");
  return sum;
}

static inline int32_t sum_of_squares(const int16_t *in, int32_t n, int32_t share,
                                     const imse_multiplier_t *q) {
  int32_t sum = 0;
  __asm__ volatile(
      "wlstp.16 lr, %[n], 2f       \n\t"
      "1:                          \n\t"
      "vldrh.16 q0, [%[in]], #16   \n\t"
      IMSE_SQUARES_MVE("%[share]")
      "vqmovnb.s32 q1, q1          \n\t"
      "vqmovnt.s32 q1, q0          \n\t"
      "vaddva.s16 %[sum], q1       \n\t"
      "letp     lr, 1b             \n\t"
      "2:                          \n\t"
      : [in] "+r"(in), [sum] "+Te"(sum)
      : [n] "r"(n), [share] "r"(share), [mantissa] "r"(q->mantissa), [shift] "r"(q->shift)
      : "lr", "d0", "d1", "d2", "d3", "cc", "memory");
  return sum;
}

/* Even ones of eight values in q1 and odd ones in q2, rounded, as int16 in q0; changes q3. */
#define IMSE_ROUND(mantissa, shift)            \
  "vshr.s32 q0, q1, #31                  \n\t" \
  "vshr.s32 q3, q2, #31                  \n\t" \
  "vqrdmlah.s32 q0, q1, " mantissa "     \n\t" \
  "vqrdmlah.s32 q3, q2, " mantissa "     \n\t" \
  "vrshl.s32 q0, " shift "               \n\t" \
  "vrshl.s32 q3, " shift "               \n\t" \
  "vqmovnb.s32 q0, q0                    \n\t" \
  "vqmovnt.s32 q0, q3                    \n\t"

static void __attribute__((noinline))
apply(const imse_norm_s16_mve_t *p, const int16_t *in, int32_t root, int8_t *out) {
  register const imse_norm_s16_mve_t *r0 __asm__("r0") = p;
  register const int16_t *r1 __asm__("r1") = in;
  register int32_t r2 __asm__("r2") = root;
  register int8_t *r3 __asm__("r3") = out;
  __asm__ volatile(
      "vdup.16  q4, r2                 \n\t"
      "ldrd     r4, r5, [r0, %[product]] \n\t"
      "ldrd     r6, r8, [r0, %[result]] \n\t"
      "ldr      r2, [r0, %[point]]     \n\t"
      "ldr      r0, [r0, %[n]]         \n\t"
      "wlstp.16 lr, r0, 2f             \n\t"
      "1:                              \n\t"
      "vldrh.16 q0, [r1], #16          \n\t"
      "vmullb.s16 q1, q0, q4           \n\t"
      "vmullt.s16 q2, q0, q4           \n\t"
      IMSE_ROUND("r4", "r5")
      "vmovlb.s16 q1, q0               \n\t"
      "vmovlt.s16 q2, q0               \n\t"
      IMSE_ROUND("r6", "r8")
      "vqadd.s16 q0, q0, r2            \n\t"
      "vqmovnb.s16 q0, q0              \n\t"
      "vstrb.16 q0, [r3], #8           \n\t"
      "letp     lr, 1b                 \n\t"
      "2:                              \n\t"
      : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
      : [product] "i"(offsetof(imse_norm_s16_mve_t, product)),
        [result] "i"(offsetof(imse_norm_s16_mve_t, result)),
        [point] "i"(offsetof(imse_norm_s16_mve_t, zero_point)),
        [n] "i"(offsetof(imse_norm_s16_mve_t, n))
      : "r4", "r5", "r6", "r8", "lr", "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9",
        "cc", "memory");
}

#undef IMSE_ROUND

/* Four reciprocal roots from sums of squares. */
static int32x4_t roots(const imse_norm_s16_mve_t *p, int32x4_t squares) {
  const int32x4_t variance = imse_clamped_s16_mve(squares, &p->variance);
  const int32x4_t raised =
      imse_scale_down_mve(vshlq_n_s32(variance, 15), p->raised.mantissa, p->raised.shift);
  const int32x4_t sum = imse_clamped_s16_mve(vaddq_n_s32(raised, p->epsilon), &p->sum);
  const int32_t shift = p->root.shift - IMSE_ROOT_BITS;
  const int32_t left = shift > 0 ? shift : 0;
  return imse_root_mve(sum, p->root.mantissa, left, shift - left);
}

void imse_norm_s16_s8_mve(const imse_norm_s16_mve_t *p, const int16_t *in, int8_t *out) {
  int32_t of[BLOCK] = {0}; /* one number of every row */
  for (int32_t left = p->rows; left > 0; left -= BLOCK) {
    const int32_t rows = left < BLOCK ? left : BLOCK;
    const int16_t *row = in;
    for (int32_t r = 0; r < rows; ++r) {
      of[r] = sum_of(row, p->n);
      row += p->in_pitch;
    }
    const int32x4_t mean = imse_clamped_s16_mve(vldrwq_s32(of), &p->mean);
    vstrwq_s32(of, imse_scale_down_mve(mean, p->share.mantissa, p->share.shift));
    row = in;
    for (int32_t r = 0; r < rows; ++r) {
      of[r] = sum_of_squares(row, p->n, of[r], &p->square);
      row += p->in_pitch;
    }
    vstrwq_s32(of, roots(p, vldrwq_s32(of)));
    for (int32_t r = 0; r < rows; ++r) {
      apply(p, in, of[r], out);
      in += p->in_pitch;
      out += p->out_pitch;
    }
  }
}
