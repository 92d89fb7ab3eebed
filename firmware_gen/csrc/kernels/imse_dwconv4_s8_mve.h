/* Depthwise convolution with Helium, up to four kernel rows and eight columns, one row of output
 * pixels. Columns are interleaved once, so that the inputs of a channel and up to four columns are
 * four words that one load gathers; a sum is one multiply-accumulate over 16 values per load. */
#ifndef IMSE_DWCONV4_S8_MVE_H
#define IMSE_DWCONV4_S8_MVE_H

#include <stdint.h>

typedef struct {
  /* Per four channels c, first of c and c + 2, then of c + 1 and c + 3: per channel and four
   * columns 16 weights, those of the rows of a column behind each other; bias, mantissa, minus the
   * shift of both channels; the output's zero point. */
  const int8_t *weights;
  int8_t *scratch;        /* 64 bytes per column: strip + 3 (or 7) times dilation */
  int32_t rows;
  int32_t columns;        /* columns of the kernel */
  int32_t dilation;       /* of columns; 1 for more than four columns */
  int32_t pixels;         /* output pixels, at least 4 */
  int32_t strip;          /* pixels whose columns fit into the scratch, a multiple of 4 */
  int32_t step;           /* bytes from one pixel to the next one */
  int32_t channels;       /* a multiple of 4 */
  int32_t out_pitch;      /* bytes from one output pixel to the next, a multiple of 4 */
} imse_dwconv4_mve_t;

/* row[i]: input of kernel row i, column 0, channel 0, for output pixel 0. The number in a name is
 * the most columns that a kernel takes. */
void imse_dwconv4_s8_mve(const imse_dwconv4_mve_t *p, const int8_t *const *row, int8_t *out);
void imse_dwconv8_s8_mve(const imse_dwconv4_mve_t *p, const int8_t *const *row, int8_t *out);

/* Four channels of some pixels. */
typedef struct {
  const int8_t *weights;
  int8_t *out;
  int32_t groups;             /* of four pixels */
  int32_t out_step;           /* bytes from four output pixels to the next ones */
  int32_t offset[4];          /* bytes from out, per pixel */
  const int8_t *column[4];    /* interleaved inputs of the first pixel */
} imse_four_channels_t;

/* What both share: the strips and channels that `compute` is called with. */
void imse_dwconv4_walk_s8_mve(const imse_dwconv4_mve_t *p, const int8_t *const *row, int8_t *out,
                              void (*compute)(const imse_four_channels_t *four));

#endif
