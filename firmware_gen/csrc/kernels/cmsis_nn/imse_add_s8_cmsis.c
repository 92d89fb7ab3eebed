#include "imse_cmsis_nn.h"

void imse_add_s8_cmsis(const imse_pair_cmsis_t *p, const int8_t *a, const int8_t *b, int8_t *out,
                       int32_t n) {
  imse_cmsis_nn_check(arm_elementwise_add_s8(
      a, b, p->a_offset, p->a_mantissa, p->a_shift, p->b_offset, p->b_mantissa, p->b_shift,
      p->left_shift, out, p->out_offset, p->out_mantissa, p->out_shift, p->low, p->high, n));
}
