/* Layers computed by Arm's CMSIS-NN, whose sources the build finds in CMSIS_NN_DIR. */
#ifndef IMSE_CMSIS_NN_H
#define IMSE_CMSIS_NN_H

#include <arm_nnfunctions.h>
#include <stdint.h>

/* 0, or the first status other than success that one of Arm's functions gave. */
extern int imse_cmsis_nn_status;

void imse_cmsis_nn_check(int status);

/* Convolution of a dense image, without borders. The bias is of int32_t, for int16 images of
 * int64_t. */
typedef struct {
  cmsis_nn_conv_params conv;
  cmsis_nn_dims input;
  cmsis_nn_dims filter;
  cmsis_nn_dims output;
  const int8_t *weights;
  const void *bias;
  const int32_t *multiplier;
  const int32_t *shift;
  void *buffer;
  int32_t buffer_bytes;
} imse_conv_cmsis_t;

void imse_conv_s8_cmsis(const imse_conv_cmsis_t *p, const int8_t *in, int8_t *out);
void imse_conv_s16_cmsis(const imse_conv_cmsis_t *p, const int16_t *in, int16_t *out);

/* Depthwise convolution of a dense image, without borders; the bias as above. */
typedef struct {
  cmsis_nn_dw_conv_params conv;
  cmsis_nn_dims input;
  cmsis_nn_dims filter;
  cmsis_nn_dims output;
  const int8_t *weights;
  const void *bias;
  const int32_t *multiplier;
  const int32_t *shift;
  void *buffer;
  int32_t buffer_bytes;
} imse_dwconv_cmsis_t;

void imse_dwconv_s8_cmsis(const imse_dwconv_cmsis_t *p, const int8_t *in, int8_t *out);
void imse_dwconv_s16_cmsis(const imse_dwconv_cmsis_t *p, const int16_t *in, int16_t *out);

/* Fully connected layer. `sums` are read with Helium only: per output channel the bias, and the sum
 * of the weights times the input's offset. The first multiplier and shift are for all channels where
 * the kernel is not the one per channel. */
typedef struct {
  cmsis_nn_fc_params layer;
  int32_t rows;
  int32_t depth;
  int32_t channels;
  const int8_t *weights;
  const int32_t *bias;
  const int32_t *sums;
  const int32_t *multiplier;
  const int32_t *shift;
} imse_fully_connected_cmsis_t;

void imse_fully_connected_s8_cmsis(const imse_fully_connected_cmsis_t *p, const int8_t *in,
                                   int8_t *out);
void imse_fully_connected_channels_s8_cmsis(const imse_fully_connected_cmsis_t *p, const int8_t *in,
                                            int8_t *out);

/* Products of matrices, b transposed; `sums` is memory for one number per column, with int8. */
typedef struct {
  cmsis_nn_fc_params layer;
  cmsis_nn_dims a;
  cmsis_nn_dims b;
  cmsis_nn_dims output;
  int32_t multiplier;
  int32_t shift;
  void *sums;
} imse_matmul_cmsis_t;

void imse_matmul_s8_cmsis(const imse_matmul_cmsis_t *p, const int8_t *a, const int8_t *b,
                          int8_t *out);
void imse_matmul_s16_cmsis(const imse_matmul_cmsis_t *p, const int16_t *a, const int16_t *b,
                           int16_t *out);

/* Average pooling of a dense image. */
typedef struct {
  cmsis_nn_pool_params pool;
  cmsis_nn_dims input;
  cmsis_nn_dims filter;
  cmsis_nn_dims output;
  void *buffer;
  int32_t buffer_bytes;
} imse_average_pool_cmsis_t;

void imse_average_pool_s8_cmsis(const imse_average_pool_cmsis_t *p, const int8_t *in, int8_t *out);

/* Sum or product of two vectors. */
typedef struct {
  int32_t a_offset;
  int32_t a_mantissa;
  int32_t a_shift;
  int32_t b_offset;
  int32_t b_mantissa;
  int32_t b_shift;
  int32_t left_shift;
  int32_t out_offset;
  int32_t out_mantissa;
  int32_t out_shift;
  int32_t low;
  int32_t high;
} imse_pair_cmsis_t;

void imse_add_s8_cmsis(const imse_pair_cmsis_t *p, const int8_t *a, const int8_t *b, int8_t *out,
                       int32_t n);
void imse_mul_s8_cmsis(const imse_pair_cmsis_t *p, const int8_t *a, const int8_t *b, int8_t *out,
                       int32_t n);
void imse_add_s16_cmsis(const imse_pair_cmsis_t *p, const int16_t *a, const int16_t *b,
                        int16_t *out, int32_t n);
void imse_mul_s16_cmsis(const imse_pair_cmsis_t *p, const int16_t *a, const int16_t *b,
                        int16_t *out, int32_t n);

/* The smaller or larger ones of two operands; with a step of 0 an operand is one number. */
void imse_minimum_s8_cmsis(const int8_t *a, int32_t a_step, const int8_t *b, int32_t b_step,
                           int8_t *out, int32_t n);
void imse_maximum_s8_cmsis(const int8_t *a, int32_t a_step, const int8_t *b, int32_t b_step,
                           int8_t *out, int32_t n);

/* Sigmoid of values whose steps are 2^shift / 4096. */
void imse_logistic_s16_cmsis(int32_t shift, const int16_t *in, int16_t *out, int32_t n);

/* Transposition: `perm` has the input's axis of every output axis. */
typedef struct {
  cmsis_nn_dims input;
  cmsis_nn_dims output;
  int32_t axes;
  uint32_t perm[4];
} imse_transpose_cmsis_t;

void imse_transpose_s8_cmsis(const imse_transpose_cmsis_t *p, const int8_t *in, int8_t *out);

/* Border of one value: its elements before and after, per axis. */
typedef struct {
  cmsis_nn_dims input;
  cmsis_nn_dims before;
  cmsis_nn_dims after;
  int8_t value;
} imse_pad_cmsis_t;

void imse_pad_s8_cmsis(const imse_pad_cmsis_t *p, const int8_t *in, int8_t *out);

/* Rows of `run` bytes to rows that are `out_pitch` bytes apart. */
void imse_concatenation_s8_cmsis(const int8_t *in, int32_t run, int32_t rows, int8_t *out,
                                 int32_t out_pitch);
void imse_reshape_s8_cmsis(const int8_t *in, int8_t *out, int32_t bytes);

#endif
