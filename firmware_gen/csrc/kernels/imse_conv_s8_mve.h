/* Convolution with Helium, one row of output pixels, four pixels and two channels at a time: dot
 * products over 16 int8 values, the input's zero point in the bias. */
#ifndef IMSE_CONV_S8_MVE_H
#define IMSE_CONV_S8_MVE_H

#include <stdint.h>

typedef struct {
  /* Per four channels c, first of c and c + 2, then of c + 1 and c + 3: per 16 inputs 16 weights of
   * each channel; bias, mantissa, minus the shift of each channel; the output's zero point. */
  const int8_t *weights;
  const int8_t *tables; /* of the table kernels: results for 0 … 127, -128 … -1 */
  int8_t *scratch;      /* 4 pixels of `blocks` times 16 bytes, then 4 staged pixels */
  int32_t blocks;       /* of 16 inputs, the last one filled up with weights of 0 */
  int32_t taps;
  int32_t run;
  int32_t pixels;       /* output pixels */
  int32_t step;         /* bytes from one output pixel's first input to the next one's */
  int32_t out_channels;
  int32_t out_pitch;    /* bytes from one output pixel to the next */
  int32_t staged;       /* whether outputs are not words in memory: channels or alignment */
} imse_conv_mve_t;

/* tap[i]: first input of run i for output pixel 0. The number in a name is the most inputs that a
 * kernel takes. `table`: all results go through one table. `tables`: one per channel, in the order
 * of the weights. */
void imse_conv16_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv16_table_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv16_tables_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv32_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv32_table_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv32_tables_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv48_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv48_table_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv48_tables_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv_table_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);
void imse_conv_tables_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out);

/* All channels of four pixels. */
typedef struct {
  const int8_t *pixel[4];
  const int8_t *weights;
  int8_t *out;
  const int8_t *end;    /* out + channels, a multiple of 4 */
  const int8_t *tables;
  int32_t rounds;       /* blocks - 1 */
  int32_t spare[3];
  int32_t offset[4];    /* bytes from out, per pixel */
} imse_four_pixels_t;

/* What the kernels above share: the four pixels at a time that `compute` is called with. */
void imse_conv_walk_s8_mve(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out,
                           void (*compute)(const imse_four_pixels_t *four));

#endif
