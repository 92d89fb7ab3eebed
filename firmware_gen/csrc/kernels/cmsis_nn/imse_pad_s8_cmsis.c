#include "imse_cmsis_nn.h"

void imse_pad_s8_cmsis(const imse_pad_cmsis_t *p, const int8_t *in, int8_t *out) {
  imse_cmsis_nn_check(arm_pad_s8(in, out, p->value, &p->input, &p->before, &p->after));
}
