#include "imse_cmsis_nn.h"

void imse_concatenation_s8_cmsis(const int8_t *in, int32_t run, int32_t rows, int8_t *out,
                                 int32_t out_pitch) {
  arm_concatenation_s8_x(in, (uint16_t)run, (uint16_t)rows, 1, 1, out, (uint16_t)out_pitch, 0);
}
