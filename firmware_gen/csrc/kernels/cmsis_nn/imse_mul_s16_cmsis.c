#include "imse_cmsis_nn.h"

void imse_mul_s16_cmsis(const imse_pair_cmsis_t *p, const int16_t *a, const int16_t *b,
                        int16_t *out, int32_t n) {
  imse_cmsis_nn_check(arm_elementwise_mul_s16(a, b, 0, 0, out, 0, p->out_mantissa, p->out_shift,
                                              p->low, p->high, n));
}
