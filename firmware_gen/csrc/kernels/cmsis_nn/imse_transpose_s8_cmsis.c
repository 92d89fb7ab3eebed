#include "imse_cmsis_nn.h"

void imse_transpose_s8_cmsis(const imse_transpose_cmsis_t *p, const int8_t *in, int8_t *out) {
  const cmsis_nn_transpose_params order = {p->axes, p->perm};
  imse_cmsis_nn_check(arm_transpose_s8(in, out, &p->input, &p->output, &order));
}
