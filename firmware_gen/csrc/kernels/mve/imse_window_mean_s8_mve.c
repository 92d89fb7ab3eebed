#include "imse_sums_mve.h"

#include "imse_mve.h"

void imse_window_mean_s8_mve(const imse_window_mean_t *p, const int8_t *newest, int32_t *sums,
                             int8_t *out) {
  const int8_t *weights = p->weights;
  const int32_t *channel = &p->params->bias;
  const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 1), 3);
  const int32x4_t zero = vdupq_n_s32(0);
  const int32x4_t low = vdupq_n_s32(p->low);
  const int32x4_t high = vdupq_n_s32(p->high);
  for (int32_t n = p->channels; n > 0; n -= 4) {
    const mve_pred16_t lanes = vctp32q((uint32_t)n);
    const int32x4_t sum = vaddq_s32(vldrwq_z_s32(sums, lanes), vldrbq_z_s32(newest, lanes));
    vstrwq_p_s32(sums, sum, lanes);
    int32x4_t value = vmulq_s32(sum, vldrbq_z_s32(weights, lanes));
    value = vaddq_s32(value, vldrwq_gather_shifted_offset_z_s32(channel, steps, lanes));
    const int32x4_t mantissa = vldrwq_gather_shifted_offset_z_s32(channel + 1, steps, lanes);
    const int32x4_t shift = vldrwq_gather_shifted_offset_z_s32(channel + 2, steps, lanes);
    const int32x4_t right = vminq_s32(shift, zero);
    value = vqrdmulhq_s32(vshlq_s32(value, vmaxq_s32(shift, zero)), mantissa);
    value = vaddq_s32(value, vshrq_n_s32(vandq_s32(value, right), 31));
    value = vaddq_n_s32(vrshlq_s32(value, right), p->output_offset);
    vstrbq_p_s32(out, vminq_s32(vmaxq_s32(value, low), high), lanes);
    weights += 4;
    channel += 12;
    newest += 4;
    sums += 4;
    out += 4;
  }
}

void imse_window_drop_s8_mve(const int8_t *oldest, int32_t *sums, int32_t channels) {
  for (; channels > 0; channels -= 4) {
    const mve_pred16_t lanes = vctp32q((uint32_t)channels);
    const int32x4_t sum = vsubq_s32(vldrwq_z_s32(sums, lanes), vldrbq_z_s32(oldest, lanes));
    vstrwq_p_s32(sums, sum, lanes);
    oldest += 4;
    sums += 4;
  }
}
