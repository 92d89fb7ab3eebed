#include <string.h>

#include "imse_copy.h"

void imse_copy_rows(int8_t *out, int32_t out_pitch, const int8_t *in, int32_t in_pitch,
                    int32_t run, int32_t rows) {
  for (int32_t r = 0; r < rows; ++r) {
    int8_t *to = out + r * out_pitch;
    const int8_t *from = in + r * in_pitch;
    int32_t i = 0;
    for (; i + 4 <= run; i += 4) {
      memcpy(to + i, from + i, 4);
    }
    for (; i < run; ++i) {
      to[i] = from[i];
    }
  }
}
