#include "imse_cmsis_nn.h"

void imse_mul_s8_cmsis(const imse_pair_cmsis_t *p, const int8_t *a, const int8_t *b, int8_t *out,
                       int32_t n) {
  imse_cmsis_nn_check(arm_elementwise_mul_s8(a, b, p->a_offset, p->b_offset, out, p->out_offset,
                                             p->out_mantissa, p->out_shift, p->low, p->high, n));
}
