#include "imse_cmsis_nn.h"

void imse_average_pool_s8_cmsis(const imse_average_pool_cmsis_t *p, const int8_t *in, int8_t *out) {
  const cmsis_nn_context context = {p->buffer, p->buffer_bytes};
  if (arm_avgpool_s8_get_buffer_size(p->output.w, p->input.c) > p->buffer_bytes) {
    imse_cmsis_nn_check(ARM_CMSIS_NN_ARG_ERROR);
    return;
  }
  imse_cmsis_nn_check(
      arm_avgpool_s8(&context, &p->pool, &p->input, in, &p->filter, &p->output, out));
}
