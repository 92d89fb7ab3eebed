#include "imse_norm_s16_dsp.h"

#include "imse_root_dsp.h"

static inline int32_t scaled(int32_t twice, const imse_scale_t *q) {
  return imse_scale_twice(twice, q->mantissa, q->add, q->shift);
}

static int32_t sum_of(const int16_t *in, int32_t n) {
  int32_t sum = 0;
  for (const int16_t *const end = in + n; in < end; in += 2) {
    int32_t pair;
    memcpy(&pair, in, sizeof pair);
    sum = imse_smlad(pair, 0x00010001, sum);
  }
  return sum;
}

static int32_t sum_of_squares(const imse_norm_s16_dsp_t *p, const int16_t *in, int32_t share) {
  const imse_scale_t q = p->square;
  int32_t sum = 0;
  for (const int16_t *const end = in + p->n; in < end; in += 2) {
    sum += imse_square_s16(in[0], share, &q);
    sum += imse_square_s16(in[1], share, &q);
  }
  return sum;
}

static int32_t root_of(const imse_norm_s16_dsp_t *p, int32_t squares) {
  const int32_t variance = imse_ssat16(scaled(2 * squares, &p->variance));
  const int32_t raised = scaled(variance * (1 << 16), &p->raised);
  return imse_root_one(&p->root, imse_ssat16(scaled(2 * (raised + p->epsilon), &p->sum)));
}

void imse_norm_s16_s8_dsp(const imse_norm_s16_dsp_t *p, const int16_t *in, int8_t *out) {
  for (int32_t row = 0; row < p->rows; ++row) {
    const int32_t mean = imse_ssat16(scaled(2 * sum_of(in, p->n), &p->mean));
    const int32_t root = root_of(p, sum_of_squares(p, in, scaled(2 * mean, &p->share)));
    const imse_scale_t product = p->product;
    const imse_scale_t result = p->result;
    for (int32_t i = 0; i < p->n; ++i) {
      const int32_t once = in[i] * root;
      const int32_t value = imse_ssat16(scaled(imse_qadd(once, once), &product));
      out[i] = (int8_t)imse_ssat8(scaled(2 * value, &result));
    }
    in += p->in_pitch;
    out += p->out_pitch;
  }
}
