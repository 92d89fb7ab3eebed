#include "imse_dwconv_s16_dsp.h"

void imse_dwconv_s16_dsp(const imse_dwconv_s16_dsp_t *p, const int16_t *const *tap, int16_t *out) {
  const imse_limits_s16_t limits = p->limits;
  const int16_t *const *const end = tap + p->taps;
  for (int32_t x = 0; x < p->pixels; x += 2) {
    /* The last one of an odd number of pixels is computed twice, into the same place. */
    const int32_t more = x + 1 < p->pixels;
    int16_t *const second = out + (more ? p->out_pitch : 0);
    const int32_t *w = p->weights;
    for (int32_t c = 0; c < p->channels; c += 2) {
      const int32_t in0 = x * p->step + c;
      const int32_t in1 = in0 + (more ? p->step : 0);
      int32_t sum[4] = {w[0], w[1], w[0], w[1]};
      w += 2;
      for (const int16_t *const *t = tap; t < end; ++t) {
        const int32_t here = imse_load2(*t + in0);
        const int32_t next = imse_load2(*t + in1);
        const int32_t weights = *w++;
        sum[0] = imse_smlabb(here, weights, sum[0]);
        sum[1] = imse_smlatt(here, weights, sum[1]);
        sum[2] = imse_smlabb(next, weights, sum[2]);
        sum[3] = imse_smlatt(next, weights, sum[3]);
      }
      imse_round4_s16(sum, w, &limits, out + c, second + c);
      w += 4;
    }
    out += 2 * p->out_pitch;
  }
}
