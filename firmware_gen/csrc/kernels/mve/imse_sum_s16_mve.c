#include "imse_pair_s16_mve.h"

static inline int16x8_t sum(const void *p, int16x8_t big, int16x8_t small) {
  const imse_sum_s16_mve_t *const q = p;
  const int16x8_t factor = vdupq_n_s16((int16_t)q->big_factor);
  int32x4_t even = imse_scale_mve(vshllbq_n_s16(small, 15), q->small.mantissa, q->small.shift);
  int32x4_t odd = imse_scale_mve(vshlltq_n_s16(small, 15), q->small.mantissa, q->small.shift);
  even = vmlaq_n_s32(vmullbq_int_s16(big, factor), even, q->small_sign);
  odd = vmlaq_n_s32(vmulltq_int_s16(big, factor), odd, q->small_sign);
  return imse_merge_mve(imse_scale_mve(even, q->out.mantissa, q->out.shift),
                        imse_scale_mve(odd, q->out.mantissa, q->out.shift));
}

void imse_sum_s16_mve(const imse_sum_s16_mve_t *p, const imse_grid_t *g, const int16_t *big,
                      const int16_t *small, int16_t *out) {
  const imse_sum_s16_mve_t local = *p;
  imse_pair_rows_mve(sum, &local, g, big, small, out);
}
