#include "imse_matmul_s8_mve.h"

#include "imse_mve.h"

/* Four dot products. */
static inline int32x4_t dot(const int16_t *x, const int16_t *w, int32_t depth) {
  int32_t s0 = 0;
  int32_t s1 = 0;
  int32_t s2 = 0;
  int32_t s3 = 0;
  for (int32_t k = 0; k < depth; k += 8) {
    const int16x8_t row = vldrhq_s16(x + k);
    s0 = vmladavaq_s16(s0, row, vldrhq_s16(w + k));
    s1 = vmladavaq_s16(s1, row, vldrhq_s16(w + depth + k));
    s2 = vmladavaq_s16(s2, row, vldrhq_s16(w + 2 * depth + k));
    s3 = vmladavaq_s16(s3, row, vldrhq_s16(w + 3 * depth + k));
  }
  const int32x4_t sums = {s0, s1, s2, s3};
  return sums;
}

void imse_matmul_s8_mve(const imse_matmul_mve_t *p, const int8_t *a, const int8_t *b,
                        int8_t *out) {
  const int32_t depth = (p->depth + 7) & ~7;
  int16_t *const row = p->scratch;
  int16_t *const columns = row + depth;
  const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)p->out_col);
  const uint16x8_t a_steps = imse_steps_mve(p->a_col);
  const uint16x8_t b_steps = imse_steps_mve(p->b_row);
  /* Behind the depth there is 0 in the row, and anything in the columns. */
  vstrhq_s16(row + depth - 8, vdupq_n_s16(0));
  int16_t *to = columns;
  for (int32_t j = 0; j < p->cols; ++j) {
    imse_widen_mve(b, b_steps, 8 * p->b_row, p->b_offset, p->depth, to, 16);
    b += p->b_col;
    to += depth;
  }
  for (int32_t i = 0; i < p->rows; ++i) {
    imse_widen_mve(a, a_steps, 8 * p->a_col, p->a_offset, p->depth, row, 16);
    int8_t *place = out;
    const int16_t *w = columns;
    for (int32_t n = p->cols; n > 0; n -= 4) {
      const int32x4_t scaled =
          imse_scale_mve(dot(row, w, depth), p->out.mantissa, p->out.shift);
      const int32x4_t value = vaddq_n_s32(scaled, p->output_offset);
      const int32x4_t limited = vminq_s32(vmaxq_s32(value, vdupq_n_s32(-128)), vdupq_n_s32(127));
      vstrbq_scatter_offset_p_s32(place, steps, limited, vctp32q((uint32_t)n));
      place += 4 * p->out_col;
      w += 4 * depth;
    }
    a += p->a_row;
    out += p->out_row;
  }
}
