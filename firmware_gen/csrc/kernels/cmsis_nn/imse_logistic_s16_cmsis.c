#include "imse_cmsis_nn.h"

void imse_logistic_s16_cmsis(int32_t shift, const int16_t *in, int16_t *out, int32_t n) {
  imse_cmsis_nn_check(arm_nn_activation_s16(in, out, n, shift, ARM_SIGMOID));
}
