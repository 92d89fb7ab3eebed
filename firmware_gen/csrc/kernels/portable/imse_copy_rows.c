#include <string.h>

#include "imse_copy.h"

void imse_copy_rows(const imse_copy_t *p, int8_t *out, const int8_t *in) {
  const int32_t out_pitch = p->out_pitch;
  const int32_t in_pitch = p->in_pitch;
  const int32_t run = p->run;
  int32_t rows = p->rows;
  if (run == 4) {
    for (; rows >= 2; rows -= 2) {
      memcpy(out, in, 4);
      memcpy(out + out_pitch, in + in_pitch, 4);
      out += 2 * out_pitch;
      in += 2 * in_pitch;
    }
  }
  if (run == 3) {
    for (; rows > 0; --rows) {
      memcpy(out, in, 2);
      out[2] = in[2];
      out += out_pitch;
      in += in_pitch;
    }
  }
  for (; rows > 0; --rows) {
    int8_t *to = out;
    const int8_t *from = in;
    int32_t left = run;
    for (; left >= 8; left -= 8) {
      memcpy(to, from, 8);
      to += 8;
      from += 8;
    }
    if (left >= 4) {
      memcpy(to, from, 4);
      to += 4;
      from += 4;
    }
    for (left &= 3; left > 0; --left) {
      *to++ = *from++;
    }
    out += out_pitch;
    in += in_pitch;
  }
}
