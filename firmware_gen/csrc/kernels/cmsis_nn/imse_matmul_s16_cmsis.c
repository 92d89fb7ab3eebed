#include "imse_cmsis_nn.h"

void imse_matmul_s16_cmsis(const imse_matmul_cmsis_t *p, const int16_t *a, const int16_t *b,
                           int16_t *out) {
  const cmsis_nn_context none = {NULL, 0};
  const cmsis_nn_bmm_params product = {false, true, p->layer};
  const cmsis_nn_per_tensor_quant_params quant = {p->multiplier, p->shift};
  imse_cmsis_nn_check(
      arm_batch_matmul_s16(&none, &product, &quant, &p->a, a, &p->b, b, &p->output, out));
}
