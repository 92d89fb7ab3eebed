#include "imse_div_s8.h"

static int32_t leading_zeros(uint32_t value) {
  int32_t count = 0;
  while ((value & 0x80000000u) == 0u) {
    value <<= 1;
    ++count;
  }
  return count;
}

static int32_t leading_sign_bits(int32_t value) {
  if (value == 0) {
    return 31;
  }
  return leading_zeros((uint32_t)(value < 0 ? ~value : value) | 1u) - 1 +
         ((value == -1) ? 1 : 0);
}

static int32_t shift_left_saturated(int32_t value, int32_t amount) {
  const int64_t wide = (int64_t)value * (1 << amount);
  return wide > INT32_MAX ? INT32_MAX : (wide < INT32_MIN ? INT32_MIN : (int32_t)wide);
}

/* 1 / (1 + a) for a in [0, 1], Q0.31 in and out: three Newton steps. */
static int32_t one_over_one_plus(int32_t a) {
  const int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
  int32_t x = 1515870810 + imse_high_multiply(half, -1010580540);
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t rest = (1 << 29) - imse_high_multiply(half, x);
    x += shift_left_saturated(imse_high_multiply(x, rest), 2);
  }
  return shift_left_saturated(x, 1);
}

/* value / 2^exponent. Beyond 31 the interpreter's host shifts modulo 32 and compares with a mask of
 * all ones; small numerators get there, so this is followed. */
static int32_t shift_right(int32_t value, int32_t exponent) {
  if (exponent <= 31) {
    return imse_round_shift(value, exponent);
  }
  return (value >> (exponent & 31)) + (value >= 0 ? 1 : 0);
}

static int32_t divide(const imse_div_t *p, int32_t a, int32_t b) {
  a += p->a_offset;
  b += p->b_offset;
  if (b == 0) {
    return a < 0 ? p->low : p->high;
  }
  if (b < 0) {
    a = -a;
    b = -b;
  }
  const int32_t zeros = leading_zeros((uint32_t)b);
  const int32_t inverse = one_over_one_plus((int32_t)(((uint32_t)b << zeros) - 0x80000000u));
  const int32_t headroom = leading_sign_bits(a);
  const int32_t quotient = imse_high_multiply((int32_t)((uint32_t)a << headroom), inverse);
  const int32_t shift = p->out.shift - (31 - zeros) - headroom;
  const int32_t scaled =
      shift_right(imse_high_multiply(quotient, p->out.mantissa), -shift);
  return imse_clamp(scaled + p->output_offset, p->low, p->high);
}

void imse_div_s8(const imse_div_t *p, const int8_t *a, int32_t a_step, const int8_t *b,
                 int32_t b_step, int8_t *out, int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    out[i] = (int8_t)divide(p, *a, *b);
    a += a_step;
    b += b_step;
  }
}
