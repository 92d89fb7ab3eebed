#include "imse_elementwise_mve.h"

enum { SUM_BITS = 22 };

static inline int32x4_t sum(int32x4_t a, int32x4_t b, const int32_t *shares, int32x4_t factor) {
  const int32x4_t line = vmulhq_s32(vshlq_n_s32(a, 24), factor);
  const int32x4_t share =
      vldrwq_gather_shifted_offset_s32(shares, vreinterpretq_u32_s32(b));
  const int32x4_t total = vshrq_n_s32(vaddq_s32(line, share), SUM_BITS);
  /* It fits 16 bits, so one saturation does. */
  const int16x8_t halves = vreinterpretq_s16_s32(total);
  return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s32(total), halves));
}

/* An even number of elements behind each other: of the second operand the even ones and the odd
 * ones, two of which share a predicate. */
static void dense(const int8_t *a, const int8_t *b, const int32_t *shares, int32_t factor,
                  int8_t *out, int32_t n) {
  register const int8_t *r0 __asm__("r0") = a;
  register const int8_t *r1 __asm__("r1") = b;
  register const int32_t *r2 __asm__("r2") = shares;
  register int32_t r3 __asm__("r3") = factor;
  register int8_t *r4 __asm__("r4") = out;
  __asm__ volatile(
      "wlstp.16 lr, %[n], 2f            \n\t"
      "1:                               \n\t"
      "vldrb.s16 q0, [r1], #8           \n\t"
      "vldrb.s16 q1, [r0], #8           \n\t"
      "vmovlb.s16 q2, q0                \n\t"
      "vmovlt.s16 q0, q0                \n\t"
      "vldrw.32 q3, [r2, q2, uxtw #2]   \n\t"
      "vldrw.32 q2, [r2, q0, uxtw #2]   \n\t"
      "vshl.i16 q1, q1, #8              \n\t"
      "vshllb.s16 q0, q1, #15           \n\t"
      "vshllt.s16 q1, q1, #15           \n\t"
      "vqdmulh.s32 q0, q0, r3           \n\t"
      "vqdmulh.s32 q1, q1, r3           \n\t"
      "vadd.i32 q0, q0, q3              \n\t"
      "vadd.i32 q1, q1, q2              \n\t"
      "vshrnb.i32 q0, q0, #16           \n\t"
      "vshrnt.i32 q0, q1, #16           \n\t"
      "vqshl.s16 q0, q0, %[rest]        \n\t"
      "vshr.s16 q0, q0, #8              \n\t"
      "vstrb.16 q0, [r4], #8            \n\t"
      "letp     lr, 1b                  \n\t"
      "2:                               \n\t"
      : "+r"(r0), "+r"(r1), "+r"(r4)
      : "r"(r2), "r"(r3), [n] "r"(n), [rest] "i"(8 - (SUM_BITS - 16))
      : "lr", "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "cc", "memory");
}

void imse_sum_s8_mve(const imse_sum_mve_t *p, const imse_grid_t *g, const int8_t *a,
                     const int8_t *b, int8_t *out) {
  const int32_t *const shares = p->shares;
  const int32x4_t factor = vdupq_n_s32(p->factor);
  const uint32x4_t a_steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)g->a_step);
  const uint32x4_t b_steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)g->b_step);
  const int32_t pairs = g->a_step == 1 && g->b_step == 1 ? g->n & ~1 : 0;
  for (int32_t r = 0; r < g->rows; ++r) {
    const int8_t *x = a + pairs;
    const int8_t *y = b + pairs;
    int8_t *to = out + pairs;
    dense(a, b, shares, p->factor, out, pairs);
    for (int32_t n = g->n - pairs; n > 0; n -= 4) {
      const mve_pred16_t lanes = vctp32q((uint32_t)n);
      const int32x4_t first = vldrbq_gather_offset_z_s32(x, a_steps, lanes);
      const int32x4_t second = vldrbq_gather_offset_z_s32(y, b_steps, lanes);
      vstrbq_p_s32(to, sum(first, second, shares, factor), lanes);
      x += 4 * g->a_step;
      y += 4 * g->b_step;
      to += 4;
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}
