#include "imse_conv_s8_dsp.h"

#include "imse_pixels_s8_dsp.h"

/* Expands one run of two pixels; returns the place behind it. The last quad of a run ends with it
 * and may hold values of the one before again. */
static inline int32_t *expand(const int8_t *first, const int8_t *second, int32_t run,
                              int32_t *to) {
  const int32_t quads = run >> 2;
  if (quads > 0) {
    to = imse_expand_quads(first, second, quads, to);
    if (run & 3) {
      to = imse_expand_quads(first + run - 4, second + run - 4, 1, to);
    }
    return to;
  }
  int8_t bytes[8] = {0};
  for (int32_t i = 0; i < run; ++i) {
    bytes[i] = first[i];
    bytes[4 + i] = second[i];
  }
  return imse_expand_quads(bytes, bytes + 4, 1, to);
}

void imse_conv_s8_dsp(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out) {
  const int32_t step = p->step;
  const int32_t pitch = p->out_pitch;
  const int32_t run = p->run;
  const int8_t *const *const taps = tap + p->taps;
  int32_t *const x = p->scratch;
  imse_pixels_t pixels = {.x = x,
                          .x_end = x + 4 * p->taps * ((run + 3) >> 2),
                          .tables = p->tables,
                          .table_step = p->table_step,
                          .weights = p->weights};
  int32_t offset = 0;
  for (int32_t left = p->pixels; left > 0; left -= 2) {
    /* The last one of an odd number of pixels is computed twice, into the same place. */
    const int32_t two = left > 1;
    const int32_t second = two ? step : 0;
    int32_t *to = x;
    for (const int8_t *const *t = tap; t < taps; ++t) {
      const int8_t *in = *t + offset;
      to = expand(in, in + second, run, to);
    }
    pixels.first = out;
    pixels.second = two ? out + pitch : out;
    imse_pixels_s8_dsp(&pixels);
    out += 2 * pitch;
    offset += 2 * step;
  }
}
