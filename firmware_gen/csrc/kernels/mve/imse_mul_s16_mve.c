#include "imse_pair_s16_mve.h"

static inline int16x8_t product(const void *p, int16x8_t a, int16x8_t b) {
  const imse_multiplier_t *const out = p;
  const int32x4_t even = imse_scale_mve(vmullbq_int_s16(a, b), out->mantissa, out->shift);
  const int32x4_t odd = imse_scale_mve(vmulltq_int_s16(a, b), out->mantissa, out->shift);
  return imse_merge_mve(even, odd);
}

void imse_mul_s16_mve(const imse_multiplier_t *p, const imse_grid_t *g, const int16_t *a,
                      const int16_t *b, int16_t *out) {
  const imse_multiplier_t local = *p;
  imse_pair_rows_mve(product, &local, g, a, b, out);
}
