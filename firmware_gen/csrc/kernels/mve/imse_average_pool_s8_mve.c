#include "imse_sums_mve.h"

#include "imse_mve.h"

static inline int32_t largest(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t smallest(int32_t a, int32_t b) { return a < b ? a : b; }

/* All channels of one output pixel: the mean over rows of `columns` pixels each. */
static void pixel(const imse_average_pool_t *p, const int8_t *in, int32_t rows, int32_t columns,
                  int8_t *out) {
  const uint32_t count = (uint32_t)(rows * columns);
  const uint32x4_t inverse = vdupq_n_u32((0x80000000u + count - 1u) / count);
  const int32x4_t low = vdupq_n_s32(p->low);
  const int32x4_t high = vdupq_n_s32(p->high);
  for (int32_t n = p->channels; n > 0; n -= 4) {
    const mve_pred16_t lanes = vctp32q((uint32_t)n);
    int32x4_t sum = vdupq_n_s32(0);
    for (int32_t r = 0; r < rows; ++r) {
      const int8_t *from = in + r * p->in_row;
      for (int32_t c = columns; c > 0; --c) {
        sum = vaddq_s32(sum, vldrbq_z_s32(from, lanes));
        from += p->in_pixel;
      }
    }
    const uint32x4_t size = vreinterpretq_u32_s32(vabsq_s32(sum));
    const uint32x4_t twice = vshlq_n_u32(vaddq_n_u32(size, count / 2u), 1);
    int32x4_t mean = vreinterpretq_s32_u32(vmulhq_u32(twice, inverse));
    mean = vnegq_m_s32(mean, mean, vcmpltq_n_s32(sum, 0));
    vstrbq_p_s32(out, vminq_s32(vmaxq_s32(mean, low), high), lanes);
    in += 4;
    out += 4;
  }
}

void imse_average_pool_s8_mve(const imse_average_pool_t *p, const int8_t *in, int8_t *out) {
  for (int32_t y = 0; y < p->out_height; ++y) {
    const int32_t top = y * p->stride_height - p->pad_top;
    const int32_t first_row = largest(top, 0);
    const int32_t rows = smallest(top + p->filter_height, p->in_height) - first_row;
    for (int32_t x = 0; x < p->out_width; ++x) {
      const int32_t left = x * p->stride_width - p->pad_left;
      const int32_t first = largest(left, 0);
      const int32_t columns = smallest(left + p->filter_width, p->in_width) - first;
      pixel(p, in + first_row * p->in_row + first * p->in_pixel, rows, columns,
            out + y * p->out_row + x * p->out_pixel);
    }
  }
}
