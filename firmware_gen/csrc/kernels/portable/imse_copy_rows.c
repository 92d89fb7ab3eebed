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
  if (run == 3) {
    for (; rows > 0; --rows) {
      memcpy(out, in, 2);
      out[2] = in[2];
      out += out_pitch;
      in += in_pitch;
    }
    return;
  }
  for (; rows > 0; --rows) {
    int8_t *to = out;
    const int8_t *from = in;
    int32_t left = run;
    for (; left >= 16; left -= 16) {
      memcpy(to, from, 16);
      to += 16;
      from += 16;
    }
    for (; left >= 4; left -= 4) {
      memcpy(to, from, 4);
      to += 4;
      from += 4;
    }
    for (; left > 0; --left) {
      *to++ = *from++;
    }
    out += out_pitch;
    in += in_pitch;
  }
}
