#include "imse_copy_mve.h"

#include "imse_mve.h"

void imse_gather_s8_mve(int8_t *out, const int8_t *in, int32_t in_step, int32_t n) {
  const uint16x8_t steps = imse_steps_mve(in_step);
  for (; n > 0; n -= 8) {
    const mve_pred16_t lanes = vctp16q((uint32_t)n);
    vstrbq_p_s16(out, imse_load8_mve(in, steps, lanes), lanes);
    in += 8 * in_step;
    out += 8;
  }
}
