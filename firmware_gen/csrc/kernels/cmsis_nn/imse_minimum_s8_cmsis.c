#include "imse_cmsis_nn.h"

void imse_minimum_s8_cmsis(const int8_t *a, int32_t a_step, const int8_t *b, int32_t b_step,
                           int8_t *out, int32_t n) {
  const cmsis_nn_context none = {NULL, 0};
  const cmsis_nn_dims first = {1, 1, 1, a_step == 0 ? 1 : n};
  const cmsis_nn_dims second = {1, 1, 1, b_step == 0 ? 1 : n};
  const cmsis_nn_dims result = {1, 1, 1, n};
  imse_cmsis_nn_check(arm_minimum_s8(&none, a, &first, b, &second, out, &result));
}
