/* What the Helium kernels share. */
#ifndef IMSE_MVE_H
#define IMSE_MVE_H

#include <arm_mve.h>
#include <stdint.h>

#include "imse_fixedpoint.h"

/* Copies n bytes, touches nothing beyond them, and returns the end of `to`. */
static inline int8_t *imse_copied_mve(int8_t *to, const int8_t *from, int32_t n) {
  int8_t *const end = to + n;
  __asm__ volatile(
      "wlstp.8 lr, %[n], 2f         \n\t"
      "1:                           \n\t"
      "vldrb.8 q0, [%[from]], #16   \n\t"
      "vstrb.8 q0, [%[to]], #16     \n\t"
      "letp    lr, 1b               \n\t"
      "2:                           \n\t"
      : [to] "+r"(to), [from] "+r"(from)
      : [n] "r"(n)
      : "lr", "d0", "d1", "cc", "memory");
  return end;
}

/* What imse_multiply gives for a right shift: the shift is -1 or less. */
static inline int32x4_t imse_scale_mve(int32x4_t value, int32_t mantissa, int32_t shift) {
  const int32x4_t high = vqrdmlahq_n_s32(vshrq_n_s32(value, 31), value, mantissa);
  return vrshlq_n_s32(high, shift);
}

/* The same for shifts of 0 and less. */
static inline int32x4_t imse_scale_down_mve(int32x4_t value, int32_t mantissa, int32_t shift) {
  const int32x4_t nudge = vshrq_n_s32(vandq_s32(value, vdupq_n_s32(shift)), 31);
  return vrshlq_n_s32(vqrdmlahq_n_s32(nudge, value, mantissa), shift);
}

/* The same for any shift, left ones included. */
static inline int32x4_t imse_scale_any_mve(int32x4_t value, int32_t mantissa, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  return imse_scale_down_mve(vshlq_r_s32(value, left), mantissa, shift - left);
}

/* Rows of elements of up to two inputs and an output, in elements. A step of 0 is one value for
 * all elements of a row. The output's step is 1. */
typedef struct {
  int32_t rows;
  int32_t n;
  int32_t a_step;
  int32_t b_step;
  int32_t a_pitch;
  int32_t b_pitch;
  int32_t out_pitch;
} imse_grid_t;

/* Offsets of 8 values that lie `step` apart. */
static inline uint16x8_t imse_steps_mve(int32_t step) {
  return vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)step);
}

/* The first `n` (at most 8) of the values at p. */
static inline int16x8_t imse_load8_mve(const int8_t *p, uint16x8_t offsets, mve_pred16_t lanes) {
  return vldrbq_gather_offset_z_s16(p, offsets, lanes);
}

/* n int8 values as int16 plus an offset: eights `step` elements apart at `places`, to eights
 * `to_step` bytes apart. */
static inline void imse_widen_mve(const int8_t *in, uint16x8_t places, int32_t step,
                                  int32_t offset, int32_t n, int16_t *to, int32_t to_step) {
  __asm__ volatile(
      "wlstp.16 lr, %[n], 2f             \n\t"
      "1:                                \n\t"
      "vldrb.s16 q0, [%[in], %q[places]] \n\t"
      "add      %[in], %[in], %[step]    \n\t"
      "vadd.i16 q0, q0, %[offset]        \n\t"
      "vstrh.16 q0, [%[to]]              \n\t"
      "add      %[to], %[to], %[gap]     \n\t"
      "letp     lr, 1b                   \n\t"
      "2:                                \n\t"
      : [in] "+r"(in), [to] "+r"(to)
      : [places] "w"(places), [step] "r"(step), [offset] "r"(offset), [n] "r"(n),
        [gap] "r"(to_step)
      : "lr", "d0", "d1", "cc", "memory");
}

/* Even and odd lanes, back in order. */
static inline int16x8_t imse_merge_mve(int32x4_t even, int32x4_t odd) {
  return vqmovntq_s32(vqmovnbq_s32(vreinterpretq_s16_s32(even), even), odd);
}

static inline int32x4_t imse_scaled_mve(int32x4_t value, const imse_multiplier_t *q) {
  return imse_scale_mve(value, q->mantissa, q->shift);
}

/* Even and odd lanes, rounded by a right shift and back in order. */
static inline int16x8_t imse_rounded_mve(int32x4_t even, int32x4_t odd,
                                         const imse_multiplier_t *q) {
  return imse_merge_mve(imse_scaled_mve(even, q), imse_scaled_mve(odd, q));
}

static inline int16x8_t imse_product_mve(int16x8_t a, int16x8_t b, const imse_multiplier_t *q) {
  return imse_rounded_mve(vmullbq_int_s16(a, b), vmulltq_int_s16(a, b), q);
}

#endif
