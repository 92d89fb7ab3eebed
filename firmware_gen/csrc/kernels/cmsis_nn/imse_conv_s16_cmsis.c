#include "imse_cmsis_nn.h"

void imse_conv_s16_cmsis(const imse_conv_cmsis_t *p, const int16_t *in, int16_t *out) {
  /* Arm's structure has no const; the values are only read. */
  const cmsis_nn_per_channel_quant_params quant = {(int32_t *)(uintptr_t)p->multiplier,
                                                   (int32_t *)(uintptr_t)p->shift};
  const cmsis_nn_dims bias_dims = {1, 1, 1, p->output.c};
  const cmsis_nn_bias_data bias = {p->bias, false};
  const cmsis_nn_context context = {p->buffer, p->buffer_bytes};
  if (arm_convolve_wrapper_s16_get_buffer_size(&p->conv, &p->input, &p->filter, &p->output) >
      p->buffer_bytes) {
    imse_cmsis_nn_check(ARM_CMSIS_NN_ARG_ERROR);
    return;
  }
  imse_cmsis_nn_check(arm_convolve_wrapper_s16(&context, &p->conv, &quant, &p->input, in,
                                               &p->filter, p->weights, &bias_dims, &bias,
                                               &p->output, out));
}
