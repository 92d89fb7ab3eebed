#include "imse_cmsis_nn.h"

void imse_fully_connected_channels_s8_cmsis(const imse_fully_connected_cmsis_t *p, const int8_t *in,
                                            int8_t *out) {
  /* Arm's structures have no const; the values are only read. */
  const cmsis_nn_per_channel_quant_params quant = {(int32_t *)(uintptr_t)p->multiplier,
                                                   (int32_t *)(uintptr_t)p->shift};
  const cmsis_nn_context context = {(void *)(uintptr_t)p->sums, 4 * p->channels};
  const cmsis_nn_dims input = {p->rows, 1, 1, p->depth};
  const cmsis_nn_dims filter = {p->depth, 1, 1, p->channels};
  const cmsis_nn_dims bias = {1, 1, 1, p->channels};
  const cmsis_nn_dims output = {p->rows, 1, 1, p->channels};
  imse_cmsis_nn_check(arm_fully_connected_per_channel_s8(&context, &p->layer, &quant, &input, in,
                                                         &filter, p->weights, &bias, p->bias,
                                                         &output, out));
}
