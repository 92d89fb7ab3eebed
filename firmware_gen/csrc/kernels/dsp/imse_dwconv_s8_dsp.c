#include "imse_dwconv_s8_dsp.h"

static inline void take(const int8_t *in, const int32_t *w, int32_t *sum) {
  const uint32_t word = imse_load4(in);
  const int32_t even = imse_sxtb16(word);
  const int32_t odd = imse_sxtb16_high(word);
  sum[0] = imse_smlabb(even, w[0], sum[0]);
  sum[2] = imse_smlatt(even, w[0], sum[2]);
  sum[1] = imse_smlabb(odd, w[1], sum[1]);
  sum[3] = imse_smlatt(odd, w[1], sum[3]);
}

static inline void store(int8_t *out, const int32_t *sum, const imse_scale_t *q) {
  for (int32_t c = 0; c < 4; ++c) {
    out[c] = imse_scale_s8(sum[c], &q[c]);
  }
}

void imse_dwconv_s8_dsp(const imse_dwconv_dsp_t *p, const int8_t *const *tap, int8_t *out) {
  const int32_t *weights = p->weights;
  const imse_scale_t *q = p->params;
  const int8_t *const *end = tap + p->taps;
  for (int32_t c = 0; c < p->channels; c += 4) {
    int32_t in = c;
    int8_t *to = out + c;
    for (int32_t x = 0; x < p->pixels; ++x) {
      int32_t sum[4] = {q[0].bias, q[1].bias, q[2].bias, q[3].bias};
      const int32_t *w = weights;
      const int8_t *const *t = tap;
      for (; end - t >= 3; t += 3) {
        take(t[0] + in, w, sum);
        take(t[1] + in, w + 2, sum);
        take(t[2] + in, w + 4, sum);
        w += 6;
      }
      for (; t < end; ++t) {
        take(*t + in, w, sum);
        w += 2;
      }
      store(to, sum, q);
      in += p->step;
      to += p->out_pitch;
    }
    weights += 2 * p->taps;
    q += 4;
  }
}
