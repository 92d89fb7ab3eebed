/* The inner part of convolutions and matrix products: all output channels of pairs of pixels, two
 * channels at a time. */
#ifndef IMSE_PIXELS_S8_DSP_H
#define IMSE_PIXELS_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

/* In the shift of the last channel; a shift by a register ignores it. */
#define IMSE_LAST_CHANNEL INT32_MIN

typedef struct {
  int32_t *x;            /* inputs as int16: per quad two words of each pixel, order 0 2 1 3 */
  const int32_t *x_end;  /* at least one quad behind x */
  const int8_t *tables;  /* first channel's table, at the result for 0, or NULL */
  int32_t table_step;    /* bytes from one channel's table to the next one's */
  int8_t *first;         /* results of the first pixel */
  /* Per two channels: both doubled biases; per quad 4 doubled int16 of each channel, in the order
   * of the inputs; mantissa, add and shift of each channel. */
  const int32_t *weights;
  const int8_t *const *taps;
  const int8_t *const *taps_end; /* no taps: the inputs are in x */
  int32_t back;          /* 0, or less: one more quad of a tap, from there behind the others */
  int32_t offset;        /* added to the taps for the first pixel */
  int32_t step;          /* bytes from one pixel's inputs to the next one's */
  int32_t quads;         /* whole ones of a tap */
  int32_t pairs;         /* of pixels */
  int32_t pitch;         /* bytes from one pixel's results to the next one's */
} imse_pixels_t;

/* With `step` and `pitch` 0, a pair is one pixel. */
void imse_pixels_s8_dsp(const imse_pixels_t *pixels);

/* Whole quads of two vectors as int16, as `x` has them; returns the place behind. */
int32_t *imse_expand_quads(const int8_t *first, const int8_t *second, int32_t quads, int32_t *to);

#endif
