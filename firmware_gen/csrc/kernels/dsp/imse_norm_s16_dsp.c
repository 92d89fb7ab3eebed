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

/* A function of its own, so that all it needs stays in registers. */
static void __attribute__((noinline)) apply(const imse_norm_s16_dsp_t *p, const int16_t *in,
                                            int32_t root, int8_t *out) {
  const imse_scale_t product = p->product;
  const imse_scale_t result = p->result;
  for (const int16_t *const end = in + p->n; in < end; in += 2) {
    const int32_t first = in[0] * root;
    const int32_t second = in[1] * root;
    const int32_t x = imse_ssat16(scaled(imse_qadd(first, first), &product));
    const int32_t y = imse_ssat16(scaled(imse_qadd(second, second), &product));
    out[0] = (int8_t)imse_ssat8(scaled(2 * x, &result));
    out[1] = (int8_t)imse_ssat8(scaled(2 * y, &result));
    out += 2;
  }
}

void imse_norm_s16_s8_dsp(const imse_norm_s16_dsp_t *p, const int16_t *in, int8_t *out) {
  for (int32_t row = p->rows; row > 0; --row) {
    const int32_t mean = imse_ssat16(scaled(2 * sum_of(in, p->n), &p->mean));
    const int32_t share = scaled(2 * mean, &p->share);
    apply(p, in, root_of(p, sum_of_squares(p, in, share)), out);
    in += p->in_pitch;
    out += p->out_pitch;
  }
}
