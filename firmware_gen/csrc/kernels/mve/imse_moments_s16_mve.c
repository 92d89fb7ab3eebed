#include "imse_norm_s16_mve.h"

/* Sums of up to eight columns, even ones and odd ones. The predicate is put back as compilers have no
 * name for it. */
typedef struct {
  int32x4_t even;
  int32x4_t odd;
} sums_t;

static inline void add(const int16_t *in, int32_t rows, int32_t pitch, int32_t columns,
                       sums_t *sums) {
  uint32_t saved;
  __asm__ volatile(
      "vmrs     %[saved], p0               \n\t"
      "vctp.16  %[columns]                 \n\t"
      "wls      lr, %[rows], 2f            \n\t"
      "1:                                  \n\t"
      "vpst                                \n\t"
      "vldrht.16 q0, [%[in]]               \n\t"
      "add      %[in], %[in], %[pitch], lsl #1 \n\t"
      "vmovlb.s16 q1, q0                   \n\t"
      "vmovlt.s16 q0, q0                   \n\t"
      "vadd.i32 %q[even], %q[even], q1     \n\t"
      "vadd.i32 %q[odd], %q[odd], q0       \n\t"
      "le       lr, 1b                     \n\t"
      "2:                                  \n\t"
      "vmsr     p0, %[saved]               \n\t"
      : [in] "+r"(in), [even] "+w"(sums->even), [odd] "+w"(sums->odd),
        [saved] "=&r"(saved)
      : [columns] "r"(columns), [rows] "r"(rows), [pitch] "r"(pitch)
      : "lr", "d0", "d1", "d2", "d3", "cc", "memory");
}

static inline void add_squares(const int16_t *in, int32_t rows, int32_t pitch, int32_t columns,
                               int16x8_t share, const imse_multiplier_t *q, sums_t *sums) {
  const int32x4_t most = vdupq_n_s32(INT16_MAX);
  uint32_t saved;
  __asm__ volatile(
      "vmrs     %[saved], p0               \n\t"
      "vctp.16  %[columns]                 \n\t"
      "wls      lr, %[rows], 2f            \n\t"
      "1:                                  \n\t"
      "vpst                                \n\t"
      "vldrht.16 q0, [%[in]]               \n\t"
      "add      %[in], %[in], %[pitch], lsl #1 \n\t"
      IMSE_SQUARES_MVE("%q[share]")
      "vmin.s32 q1, q1, %q[most]           \n\t"
      "vmin.s32 q0, q0, %q[most]           \n\t"
      "vadd.i32 %q[even], %q[even], q1     \n\t"
      "vadd.i32 %q[odd], %q[odd], q0       \n\t"
      "le       lr, 1b                     \n\t"
      "2:                                  \n\t"
      "vmsr     p0, %[saved]               \n\t"
      : [in] "+r"(in), [even] "+w"(sums->even), [odd] "+w"(sums->odd),
        [saved] "=&r"(saved)
      : [columns] "r"(columns), [rows] "r"(rows), [pitch] "r"(pitch), [share] "w"(share),
        [most] "w"(most), [mantissa] "r"(q->mantissa), [shift] "r"(q->shift)
      : "lr", "d0", "d1", "d2", "d3", "cc", "memory");
}

void imse_moments_s16_mve(const imse_moments_s16_mve_t *p, const int16_t *in, int16_t *mean,
                          int16_t *variance) {
  for (int32_t left = p->columns; left > 0; left -= 8) {
    const mve_pred16_t lanes = vctp16q((uint32_t)left);
    sums_t sums = {vdupq_n_s32(0), vdupq_n_s32(0)};
    for (int32_t b = 0; b < p->blocks; ++b) {
      add(in + b * p->block_pitch, p->rows, p->row_pitch, left, &sums);
    }
    const int32x4_t even = imse_clamped_s16_mve(sums.even, &p->mean);
    const int32x4_t odd = imse_clamped_s16_mve(sums.odd, &p->mean);
    vstrhq_p_s16(mean, imse_merge_mve(even, odd), lanes);
    const int16x8_t share =
        imse_merge_mve(imse_scale_down_mve(even, p->share.mantissa, p->share.shift),
                       imse_scale_down_mve(odd, p->share.mantissa, p->share.shift));
    sums.even = vdupq_n_s32(0);
    sums.odd = vdupq_n_s32(0);
    for (int32_t b = 0; b < p->blocks; ++b) {
      add_squares(in + b * p->block_pitch, p->rows, p->row_pitch, left, share, &p->square, &sums);
    }
    vstrhq_p_s16(variance,
                 imse_merge_mve(imse_clamped_s16_mve(sums.even, &p->variance),
                                imse_clamped_s16_mve(sums.odd, &p->variance)),
                 lanes);
    in += 8;
    mean += 8;
    variance += 8;
  }
}
