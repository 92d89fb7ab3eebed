#include "imse_conv_s8_dsp.h"

#include "imse_pixels_s8_dsp.h"

/* One pair of pixels with runs of less than a quad. */
static void expand_short(const imse_pixels_t *pixels, const int8_t *const *tap, int32_t run) {
  for (int32_t *to = pixels->x; to < pixels->x_end; to += 4) {
    const int8_t *const in = *tap++ + pixels->offset;
    int8_t bytes[8] = {0};
    for (int32_t i = 0; i < run; ++i) {
      bytes[i] = in[i];
      bytes[4 + i] = in[i + pixels->step];
    }
    imse_expand_quads(bytes, bytes + 4, 1, to);
  }
}

void imse_conv_s8_dsp(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out) {
  const int32_t run = p->run;
  const int32_t is_short = run < 4;
  imse_pixels_t pixels = {.x = p->scratch,
                          .x_end = p->scratch + 4 * p->taps * ((run + 3) >> 2),
                          .tables = p->tables,
                          .table_step = p->table_step,
                          .first = out,
                          .weights = p->weights,
                          .taps = tap,
                          .taps_end = is_short ? tap : tap + p->taps,
                          .back = (run & 3) ? (run & 3) - 4 : 0,
                          .step = p->step,
                          .quads = run >> 2,
                          .pitch = p->out_pitch};
  for (int32_t left = p->pixels; left > 0; left -= 2 * pixels.pairs) {
    pixels.pairs = is_short ? 1 : left >> 1;
    if (left == 1) { /* computed twice, into the same place */
      pixels.pairs = 1;
      pixels.step = 0;
      pixels.pitch = 0;
    }
    if (is_short) {
      expand_short(&pixels, tap, run);
    }
    imse_pixels_s8_dsp(&pixels);
    pixels.offset += 2 * pixels.pairs * pixels.step;
    pixels.first += 2 * pixels.pairs * pixels.pitch;
  }
}
