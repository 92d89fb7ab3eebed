#include "imse_rotate_s8_mve.h"

/* x = x * mantissa (r9) / 2^(31 - shift (r10)); changes y. */
#define IMSE_SCALE(x, y)                  \
  "vshr.s32 " y ", " x ", #31       \n\t" \
  "vqrdmlah.s32 " y ", " x ", r9    \n\t" \
  "vrshl.s32 " y ", r10             \n\t"

/* The product of eight values as bytes, zero point in r12; changes q6 and q7. */
#define IMSE_PRODUCT(to, x, y)            \
  "vmullb.s16 q6, " x ", " y "      \n\t" \
  IMSE_SCALE("q6", "q7")                  \
  "vmullt.s16 q6, " x ", " y "      \n\t" \
  "vqmovnb.s32 " to ", q7           \n\t" \
  IMSE_SCALE("q6", "q7")                  \
  "vqmovnt.s32 " to ", q7           \n\t" \
  "vqadd.s16 " to ", " to ", r12    \n\t" \
  "vqmovnb.s16 " to ", " to "       \n\t"

/* Sum of bytes `straight` and `crossed`, factor in r11, shares at r8; changes all but q0 to q3. */
#define IMSE_SUM(straight, crossed, to)   \
  "vmovlb.s8 " crossed ", " crossed " \n\t" \
  "vshllb.s8 " straight ", " straight ", #8 \n\t" \
  "vmovlb.s16 q6, " crossed "       \n\t" \
  "vmovlt.s16 " crossed ", " crossed " \n\t" \
  "vldrw.32 q7, [r8, q6, uxtw #2]   \n\t" \
  "vldrw.32 q6, [r8, " crossed ", uxtw #2] \n\t" \
  "vshllb.s16 " crossed ", " straight ", #15 \n\t" \
  "vshllt.s16 " straight ", " straight ", #15 \n\t" \
  "vqdmulh.s32 " crossed ", " crossed ", r11 \n\t" \
  "vqdmulh.s32 " straight ", " straight ", r11 \n\t" \
  "vadd.i32 q7, q7, " crossed "     \n\t" \
  "vadd.i32 q6, q6, " straight "    \n\t" \
  "vshrnb.i32 " to ", q7, #16       \n\t" \
  "vshrnt.i32 " to ", q6, #16       \n\t" \
  "vqrshrnb.s16 " to ", " to ", #6  \n\t"

/* One row, eight pairs at a time; in assembly as a whole, as it takes all registers. */
static void __attribute__((noinline))
rotate_row(const imse_rotate_mve_t *p, const int8_t *cosines, const int8_t *in, int8_t *out) {
  register const imse_rotate_mve_t *r0 __asm__("r0") = p;
  register const int8_t *r1 __asm__("r1") = in;
  register const int8_t *r2 __asm__("r2") = in + p->half;
  register int8_t *r3 __asm__("r3") = out;
  register int8_t *r4 __asm__("r4") = out + p->half;
  register const int8_t *r5 __asm__("r5") = cosines;
  register const int8_t *r6 __asm__("r6") = cosines + p->half;
  register int32_t r7 __asm__("r7") = p->offset;
  register const int32_t *r8 __asm__("r8") = p->shares;
  register int32_t r11 __asm__("r11") = p->sum_factor;
  register int32_t lr __asm__("lr") = p->half >> 3;
  __asm__ volatile(
      "wls      lr, lr, 2f              \n\t"
      "1:                               \n\t"
      "vldrb.s16 q0, [r1], #8           \n\t"
      "vldrb.s16 q1, [r2], #8           \n\t"
      "vldrb.s16 q2, [r5], #8           \n\t"
      "vldrb.s16 q3, [r6], #8           \n\t"
      "ldm      r0, {r9, r10, r12}      \n\t"
      "vadd.i16 q0, q0, r7              \n\t"
      "vadd.i16 q1, q1, r7              \n\t"
      IMSE_PRODUCT("q4", "q0", "q2") IMSE_PRODUCT("q2", "q1", "q2")
      "add      r12, r0, #12            \n\t"
      "ldm      r12, {r9, r10, r12}     \n\t"
      IMSE_PRODUCT("q5", "q0", "q3")
      "vneg.s16 q3, q3                  \n\t"
      IMSE_SUM("q2", "q5", "q5")
      "vstrb.16 q5, [r4], #8            \n\t"
      IMSE_PRODUCT("q5", "q1", "q3") IMSE_SUM("q4", "q5", "q5")
      "vstrb.16 q5, [r3], #8            \n\t"
      "le       lr, 1b                  \n\t"
      "2:                               \n\t"
      : "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(lr)
      : "r"(r0), "r"(r7), "r"(r8), "r"(r11)
      : "r9", "r10", "r12", "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10",
        "d11", "d12", "d13", "d14", "d15", "cc", "memory");
}

#undef IMSE_SCALE
#undef IMSE_PRODUCT
#undef IMSE_SUM

void imse_rotate_s8_mve(const imse_rotate_mve_t *p, const int8_t *angles, const int8_t *in,
                        int8_t *out) {
  for (int32_t left = p->rows; left > 0; --left) {
    rotate_row(p, angles, in, out);
    angles += 2 * p->half;
    in += p->in_pitch;
    out += p->out_pitch;
  }
}
