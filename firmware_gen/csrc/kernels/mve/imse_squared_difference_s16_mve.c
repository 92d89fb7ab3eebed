#include "imse_pair_s16_mve.h"

static inline int32x4_t square(const imse_square_s16_mve_t *q, int32x4_t half, int32x4_t small) {
  const int32x4_t difference =
      vsubq_s32(half, imse_scale_down_mve(small, q->small.mantissa, q->small.shift));
  return imse_scale_mve(vmulq_s32(difference, difference), q->out.mantissa, q->out.shift);
}

static inline int16x8_t squares(const void *p, int16x8_t big, int16x8_t small) {
  const int16x8_t half = vrshrq_n_s16(big, 1);
  return imse_merge_mve(square(p, vmovlbq_s16(half), vmovlbq_s16(small)),
                        square(p, vmovltq_s16(half), vmovltq_s16(small)));
}

void imse_squared_difference_s16_mve(const imse_square_s16_mve_t *p, const imse_grid_t *g,
                                     const int16_t *big, const int16_t *small, int16_t *out) {
  const imse_square_s16_mve_t local = *p;
  imse_pair_rows_mve(squares, &local, g, big, small, out);
}
