#include <string.h>

#include "imse_copy.h"

void imse_copy_rows(int8_t *out, int32_t out_pitch, const int8_t *in, int32_t in_pitch,
                    int32_t run, int32_t rows) {
  if (run == 4) {
    for (; rows > 0; --rows) {
      memcpy(out, in, 4);
      out += out_pitch;
      in += in_pitch;
    }
    return;
  }
  for (int32_t r = 0; r < rows; ++r) {
    int8_t *to = out;
    const int8_t *from = in;
    const int8_t *const last = in + run - 4;
    for (; from <= last; from += 4) {
      memcpy(to, from, 4);
      to += 4;
    }
    if (run & 2) {
      memcpy(to, from, 2);
      to += 2;
      from += 2;
    }
    if (run & 1) {
      *to = *from;
    }
    out += out_pitch;
    in += in_pitch;
  }
}
