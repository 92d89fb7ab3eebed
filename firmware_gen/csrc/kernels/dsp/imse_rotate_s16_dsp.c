#include "imse_rotate_s16_dsp.h"

static inline int32_t product(int32_t value, int32_t twice, const imse_scale_t *scale) {
  return imse_scale_s16(value * twice, scale->mantissa, scale->add, scale->shift);
}

static inline int32_t share(int32_t value, const imse_scale_t *scale) {
  return imse_scale_twice(value * (1 << 16), scale->mantissa, scale->add, scale->shift);
}

static inline int32_t total(int32_t twice, const imse_scale_t *scale) {
  return imse_scale_s16(twice, scale->mantissa, scale->add, scale->shift);
}

/* The last sum, of operands with the larger and with the smaller scale. */
static inline int16_t sum(int32_t big, int32_t small, const imse_rotate_s16_dsp_t *p) {
  return (int16_t)total(big * 32768 + 2 * share(small, &p->share), &p->result);
}

/* Two values each time, so that what does not fit registers is loaded half as often. */
static inline __attribute__((always_inline)) void rotate(const imse_rotate_s16_dsp_t *p, const int32_t *angle, const int8_t *in,
                          int16_t *out, int32_t steps) {
  const imse_rotate_s16_dsp_t q = *p;
  for (int32_t i = q.pixels; i > 0; --i) {
    const int32_t first = in[0];
    const int32_t second = in[1];
    const int32_t cosine = angle[0];
    const int32_t sine = angle[1];
    int32_t x0 = product(q.plain[first], cosine, &q.straight);
    int32_t x1 = product(q.plain[second], cosine, &q.straight);
    if (steps & IMSE_ROTATE_AGAIN) {
      x0 = product(x0, q.again_twice, &q.again);
      x1 = product(x1, q.again_twice, &q.again);
    }
    int32_t y0 = product(q.even[second], sine, &q.crossed);
    int32_t y1 = product(q.odd[first], sine, &q.crossed);
    if (steps & IMSE_ROTATE_JOINS) {
      y0 = total(2 * share(y0, &q.gathered), &q.joined);
      y1 = total(2 * share(y1, &q.gathered), &q.joined);
    }
    const int32_t swapped = steps & IMSE_ROTATE_SWAPPED;
    out[0] = swapped ? sum(y0, x0, &q) : sum(x0, y0, &q);
    out[1] = swapped ? sum(y1, x1, &q) : sum(x1, y1, &q);
    in += q.in_step;
    out += q.out_step;
    angle += q.angle_step;
  }
}

void imse_rotate_s16_dsp(const imse_rotate_s16_dsp_t *p, const int32_t *angle, const int8_t *in,
                         int16_t *out) {
  switch (p->steps) {
    case 0:
      rotate(p, angle, in, out, 0);
      break;
    case IMSE_ROTATE_AGAIN:
      rotate(p, angle, in, out, IMSE_ROTATE_AGAIN);
      break;
    case IMSE_ROTATE_JOINS:
      rotate(p, angle, in, out, IMSE_ROTATE_JOINS);
      break;
    case IMSE_ROTATE_AGAIN + IMSE_ROTATE_JOINS:
      rotate(p, angle, in, out, IMSE_ROTATE_AGAIN + IMSE_ROTATE_JOINS);
      break;
    case IMSE_ROTATE_SWAPPED:
      rotate(p, angle, in, out, IMSE_ROTATE_SWAPPED);
      break;
    case IMSE_ROTATE_SWAPPED + IMSE_ROTATE_AGAIN:
      rotate(p, angle, in, out, IMSE_ROTATE_SWAPPED + IMSE_ROTATE_AGAIN);
      break;
    case IMSE_ROTATE_SWAPPED + IMSE_ROTATE_JOINS:
      rotate(p, angle, in, out, IMSE_ROTATE_SWAPPED + IMSE_ROTATE_JOINS);
      break;
    default:
      rotate(p, angle, in, out, IMSE_ROTATE_SWAPPED + IMSE_ROTATE_AGAIN + IMSE_ROTATE_JOINS);
      break;
  }
}
