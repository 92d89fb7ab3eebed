#include "imse_conv_s8_mve.h"

#include "imse_mve.h"

void imse_conv_walk_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out,
                           void (*compute)(const imse_four_pixels_t *four)) {
  const int32_t depth = 16 * p->blocks;
  const int32_t channels = (p->out_channels + 3) & ~3;
  int8_t *const stage = p->scratch + 4 * depth;
  /* Single runs are read where they lie; behind one there may be other data, times weights of 0,
   * but not behind the last pixel's run. */
  const int32_t in_place = p->taps == 1 ? (p->pixels - 1) * p->step + p->run - depth : -1;
  imse_four_pixels_t four = {.rounds = p->blocks - 1};
  for (int32_t x = 0; x < p->pixels; x += 4) {
    const int32_t last = p->pixels - 1 - x;
    for (int32_t i = 0; i < 4; ++i) {
      /* Behind the last pixel it is computed again, into the same place. */
      const int32_t pixel = i < last ? i : last;
      const int32_t offset = (x + pixel) * p->step;
      four.offset[i] = p->staged ? i * channels : pixel * p->out_pitch;
      if (offset <= in_place) {
        four.pixel[i] = tap[0] + offset;
      } else {
        int8_t *to = p->scratch + i * depth;
        four.pixel[i] = to;
        for (int32_t t = 0; t < p->taps; ++t) {
          to = imse_copied_mve(to, tap[t] + offset, p->run);
        }
      }
    }
    four.weights = p->weights;
    four.tables = p->tables;
    four.out = p->staged ? stage : out;
    four.end = four.out + channels;
    compute(&four);
    if (p->staged) {
      for (int32_t i = 0; i < 4 && i <= last; ++i) {
        imse_copied_mve(out + i * p->out_pitch, stage + i * channels, p->out_channels);
      }
    }
    out += 4 * p->out_pitch;
  }
}
