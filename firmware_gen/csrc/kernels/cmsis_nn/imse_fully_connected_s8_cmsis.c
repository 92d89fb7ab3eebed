#include "imse_cmsis_nn.h"

void imse_fully_connected_s8_cmsis(const imse_fully_connected_cmsis_t *p, const int8_t *in,
                                   int8_t *out) {
  const cmsis_nn_per_tensor_quant_params quant = {p->multiplier[0], p->shift[0]};
  /* Arm's structure has no const; the sums are only read. */
  const cmsis_nn_context context = {(void *)(uintptr_t)p->sums, 4 * p->channels};
  const cmsis_nn_dims input = {p->rows, 1, 1, p->depth};
  const cmsis_nn_dims filter = {p->depth, 1, 1, p->channels};
  const cmsis_nn_dims bias = {1, 1, 1, p->channels};
  const cmsis_nn_dims output = {p->rows, 1, 1, p->channels};
  imse_cmsis_nn_check(arm_fully_connected_s8(&context, &p->layer, &quant, &input, in, &filter,
                                             p->weights, &bias, p->bias, &output, out));
}
