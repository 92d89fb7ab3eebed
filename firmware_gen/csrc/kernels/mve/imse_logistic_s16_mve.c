#include "imse_functions_mve.h"
#include "imse_mve.h"

enum { STEP_BITS = 9, LAST = 255 };

void imse_logistic_s16_mve(const imse_logistic_s16_t *p, const int16_t *in, int16_t *out,
                           int32_t n) {
  const uint16_t *const table = (const uint16_t *)(const void *)p->table;
  const uint32x4_t last = vdupq_n_u32(LAST - 1);
  for (; n > 0; n -= 4) {
    const mve_pred16_t lanes = vctp32q((uint32_t)n);
    const int32x4_t value = vmulq_n_s32(vldrhq_z_s32(in, lanes), p->factor);
    const int32x4_t x = vrshlq_n_s32(value, -p->shift);
    const uint32x4_t size = vreinterpretq_u32_s32(vabsq_s32(x));
    const uint32x4_t place = vshrq_n_u32(size, STEP_BITS);
    const uint32x4_t known = vminq_u32(place, last);
    const uint32x4_t low = vldrhq_gather_shifted_offset_u32(table, known);
    const uint32x4_t high = vldrhq_gather_shifted_offset_u32(table + 1, known);
    const uint32x4_t rest = vandq_u32(size, vdupq_n_u32((1u << STEP_BITS) - 1));
    uint32x4_t fine =
        vaddq_u32(vshlq_n_u32(low, STEP_BITS), vmulq_u32(rest, vsubq_u32(high, low)));
    fine = vdupq_m_n_u32(fine, 0x7FFFu << 10, vcmphiq_n_u32(place, LAST - 1));
    const uint32x4_t below = vsubq_u32(vdupq_n_u32((1u << 25) - 1), fine);
    fine = vpselq_u32(fine, below, vcmpgeq_n_s32(x, 0));
    const uint32x4_t rounded = vshrq_n_u32(vaddq_n_u32(fine, 1u << STEP_BITS), 10);
    vstrhq_p_u32((uint16_t *)(void *)out, rounded, lanes);
    in += 4;
    out += 4;
  }
}
