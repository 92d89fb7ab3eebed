#include "imse_average_pool_s8_dsp.h"

#include "imse_simd.h"

#define FRACTION_BITS 14

static inline int32_t largest(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t smallest(int32_t a, int32_t b) { return a < b ? a : b; }

typedef struct {
  int32_t inverse; /* of the number of pixels */
  uint32_t low;    /* limits, four times */
  uint32_t high;
} rounding_t;

/* Means of four channels from their sums: bytes 0 and 2, bytes 1 and 3. */
static inline uint32_t means(const rounding_t *r, int32_t even, int32_t odd) {
  const int32_t half = 1 << (FRACTION_BITS - 1);
  even = imse_pair(imse_smlawb(r->inverse, even, half) >> FRACTION_BITS,
                   imse_smlawt(r->inverse, even, half) >> FRACTION_BITS);
  odd = imse_pair(imse_smlawb(r->inverse, odd, half) >> FRACTION_BITS,
                  imse_smlawt(r->inverse, odd, half) >> FRACTION_BITS);
  return imse_min4(imse_max4(imse_bytes(even, odd), r->low), r->high);
}

/* All channels of one output pixel: the mean over rows of `columns` pixels each. */
static void pixel(const imse_average_pool_t *p, const int8_t *in, int32_t rows, int32_t columns,
                  int8_t *out) {
  /* A little more than 1 / count: halves are rounded away from zero, nothing else changes. */
  const uint32_t count = (uint32_t)(rows * columns);
  const rounding_t rounding = {(int32_t)((1u << (16 + FRACTION_BITS)) / count) + 1,
                               imse_four(p->low), imse_four(p->high)};
  const int32_t in_pixel = p->in_pixel;
  const int32_t next_row = p->in_row - columns * in_pixel;
  /* Eight channels at a time; a last four are computed twice. */
  for (int32_t left = p->channels; left > 0; left -= 8) {
    const int32_t second = left > 4 ? 4 : 0;
    int32_t sums[4] = {0, 0, 0, 0};
    const int8_t *from = in;
    for (int32_t r = rows; r > 0; --r) {
      for (int32_t c = columns; c > 0; --c) {
        const uint32_t word = imse_load4(from);
        const uint32_t other = imse_load4(from + second);
        sums[0] = imse_sxtab16(sums[0], word);
        sums[1] = imse_sxtab16_high(sums[1], word);
        sums[2] = imse_sxtab16(sums[2], other);
        sums[3] = imse_sxtab16_high(sums[3], other);
        from += in_pixel;
      }
      from += next_row;
    }
    imse_store4(out, means(&rounding, sums[0], sums[1]));
    imse_store4(out + second, means(&rounding, sums[2], sums[3]));
    in += 8;
    out += 8;
  }
}

void imse_average_pool_s8_dsp(const imse_average_pool_t *p, const int8_t *in, int8_t *out) {
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
