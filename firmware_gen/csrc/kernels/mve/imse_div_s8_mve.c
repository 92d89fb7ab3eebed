#include "imse_elementwise_mve.h"

/* 1 / (1 + a) for divisors (1 + a) * 2^31, a below 1: the Newton steps of imse_div_s8.c. */
static inline int32x4_t inverse(uint32x4_t divisor) {
  const int32x4_t half = vreinterpretq_s32_u32(vshrq_n_u32(divisor, 1));
  int32x4_t x = vaddq_n_s32(vqrdmulhq_n_s32(half, -1010580540), 1515870810);
  for (int32_t i = 0; i < 3; ++i) {
    const int32x4_t rest = vsubq_s32(vdupq_n_s32(1 << 29), vqrdmulhq_s32(half, x));
    x = vaddq_s32(x, vqshlq_n_s32(vqrdmulhq_s32(x, rest), 2));
  }
  return vqshlq_n_s32(x, 1);
}

/* value / 2^exponent, an exponent of 32 and more as shift_right in imse_div_s8.c has it. */
static inline int32x4_t shift_right(int32x4_t value, int32x4_t exponent) {
  const int32x4_t sign = vshrq_n_s32(value, 31);
  const int32x4_t rounded = vrshlq_s32(vaddq_s32(value, sign), vnegq_s32(exponent));
  const int32x4_t less = vnegq_s32(vandq_s32(exponent, vdupq_n_s32(31)));
  const int32x4_t wrapped = vaddq_n_s32(vaddq_s32(vshlq_s32(value, less), sign), 1);
  return vpselq_s32(rounded, wrapped, vcmpleq_n_s32(exponent, 31));
}

static inline int32x4_t quotient(const imse_div_t *p, int32x4_t a, int32x4_t b) {
  const mve_pred16_t negative = vcmpltq_n_s32(b, 0);
  a = vnegq_m_s32(a, a, negative);
  const int32x4_t size = vabsq_s32(b);
  const int32x4_t zeros = vclzq_s32(size);
  const int32x4_t headroom = vclsq_s32(a);
  const uint32x4_t divisor = vreinterpretq_u32_s32(vshlq_s32(size, zeros));
  const int32x4_t exact = vqrdmulhq_s32(vshlq_s32(a, headroom), inverse(divisor));
  const int32x4_t exponent = vaddq_n_s32(vsubq_s32(headroom, zeros), 31 - p->out.shift);
  int32x4_t value = shift_right(vqrdmulhq_n_s32(exact, p->out.mantissa), exponent);
  value = vaddq_n_s32(value, p->output_offset);
  const int32x4_t low = vdupq_n_s32(p->low);
  const int32x4_t high = vdupq_n_s32(p->high);
  value = vminq_s32(vmaxq_s32(value, low), high);
  const int32x4_t end = vpselq_s32(low, high, vcmpltq_n_s32(a, 0));
  return vpselq_s32(end, value, vcmpeqq_n_s32(b, 0));
}

void imse_div_s8_mve(const imse_div_t *p, const imse_grid_t *g, const int8_t *a, const int8_t *b,
                     int8_t *out) {
  const uint32x4_t a_steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)g->a_step);
  const uint32x4_t b_steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)g->b_step);
  for (int32_t r = 0; r < g->rows; ++r) {
    const int8_t *x = a;
    const int8_t *y = b;
    int8_t *to = out;
    for (int32_t n = g->n; n > 0; n -= 4) {
      const mve_pred16_t lanes = vctp32q((uint32_t)n);
      const int32x4_t first =
          vaddq_n_s32(vldrbq_gather_offset_z_s32(x, a_steps, lanes), p->a_offset);
      const int32x4_t second =
          vaddq_n_s32(vldrbq_gather_offset_z_s32(y, b_steps, lanes), p->b_offset);
      vstrbq_p_s32(to, quotient(p, first, second), lanes);
      x += 4 * g->a_step;
      y += 4 * g->b_step;
      to += 4;
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}
