#include "imse_norm_s16_dsp.h"

static inline int32_t clamped(int32_t sum, const imse_multiplier_t *q) {
  return imse_ssat16(imse_multiply(sum, q->mantissa, q->shift));
}

/* Sums of two neighbouring columns. */
static void sums_of(const imse_moments_s16_dsp_t *p, const int16_t *in, int32_t *sum) {
  int32_t first = 0;
  int32_t second = 0;
  for (int32_t b = 0; b < p->blocks; ++b) {
    const int16_t *row = in + b * p->block_pitch;
    for (int32_t r = p->rows; r > 0; --r) {
      first += row[0];
      second += row[1];
      row += p->row_pitch;
    }
  }
  sum[0] = first;
  sum[1] = second;
}

static void squares_of(const imse_moments_s16_dsp_t *p, const int16_t *in, const int32_t *share,
                       int32_t *sum) {
  const imse_scale_t q = p->square;
  int32_t first = 0;
  int32_t second = 0;
  for (int32_t b = 0; b < p->blocks; ++b) {
    const int16_t *row = in + b * p->block_pitch;
    for (int32_t r = p->rows; r > 0; --r) {
      first += imse_square_s16(row[0], share[0], &q);
      second += imse_square_s16(row[1], share[1], &q);
      row += p->row_pitch;
    }
  }
  sum[0] = first;
  sum[1] = second;
}

void imse_moments_s16_dsp(const imse_moments_s16_dsp_t *p, const int16_t *in, int16_t *mean,
                          int16_t *variance) {
  for (int32_t c = 0; c < p->columns; c += 2) {
    int32_t sum[2];
    int32_t share[2];
    sums_of(p, in + c, sum);
    for (int32_t i = 0; i < 2; ++i) {
      const int32_t value = clamped(sum[i], &p->mean);
      mean[c + i] = (int16_t)value;
      share[i] = imse_scale_twice(2 * value, p->share.mantissa, p->share.add, p->share.shift);
    }
    squares_of(p, in + c, share, sum);
    variance[c] = (int16_t)clamped(sum[0], &p->variance);
    variance[c + 1] = (int16_t)clamped(sum[1], &p->variance);
  }
}
