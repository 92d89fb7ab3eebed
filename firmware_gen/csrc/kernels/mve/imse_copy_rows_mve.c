#include "imse_copy_mve.h"

#include "imse_mve.h"

void imse_copy_rows_mve(const imse_copy_t *p, int8_t *out, const int8_t *in) {
  const int32_t out_pitch = p->out_pitch;
  const int32_t in_pitch = p->in_pitch;
  const int32_t run = p->run;
  int32_t rows = p->rows;
  const uint32_t places = (uint32_t)(uintptr_t)out | (uint32_t)(uintptr_t)in;
  const int32_t words = ((places | (uint32_t)out_pitch | (uint32_t)in_pitch) & 3u) == 0;
  if (run == 4 && words) {
    const uint32x4_t to = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)out_pitch);
    const uint32x4_t from = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)in_pitch);
    for (; rows >= 4; rows -= 4) {
      const int32x4_t x = vldrwq_gather_offset_s32((const int32_t *)(const void *)in, from);
      vstrwq_scatter_offset_s32((int32_t *)(void *)out, to, x);
      out += 4 * out_pitch;
      in += 4 * in_pitch;
    }
  }
  for (; rows > 0; --rows) {
    imse_copied_mve(out, in, run);
    out += out_pitch;
    in += in_pitch;
  }
}
