#include "imse_cmsis_nn.h"

void imse_matmul_s8_cmsis(const imse_matmul_cmsis_t *p, const int8_t *a, const int8_t *b,
                          int8_t *out) {
  const cmsis_nn_context context = {p->sums, 4 * p->output.c};
  const cmsis_nn_bmm_params product = {false, true, p->layer};
  const cmsis_nn_per_tensor_quant_params quant = {p->multiplier, p->shift};
  imse_cmsis_nn_check(arm_batch_matmul_s8(&context, &product, &quant, &p->a, a, &p->b, b,
                                          &p->output, out));
}
