#include "imse_matmul_s8_mve.h"

#include "imse_mve.h"

/* A vector to int16 without its zero point, filled up with zeros to a multiple of 8. */
static int16_t *expand(const int8_t *in, int32_t step, int32_t offset, int32_t depth, int16_t *to) {
  const uint16x8_t steps = imse_steps_mve(step);
  const int16x8_t zero = vdupq_n_s16(0);
  for (; depth > 0; depth -= 8) {
    const mve_pred16_t lanes = vctp16q((uint32_t)depth);
    const int16x8_t x = imse_load8_mve(in, steps, lanes);
    vstrhq_s16(to, vaddq_m_n_s16(zero, x, (int16_t)offset, lanes));
    in += 8 * step;
    to += 8;
  }
  return to;
}

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
  int16_t *to = columns;
  for (int32_t j = 0; j < p->cols; ++j) {
    to = expand(b + j * p->b_col, p->b_row, p->b_offset, p->depth, to);
  }
  for (int32_t i = 0; i < p->rows; ++i) {
    expand(a + i * p->a_row, p->a_col, p->a_offset, p->depth, row);
    int8_t *place = out + i * p->out_row;
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
  }
}
