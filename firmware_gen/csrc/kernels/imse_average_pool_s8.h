/* Average pooling of one image with borders that do not count. */
#ifndef IMSE_AVERAGE_POOL_S8_H
#define IMSE_AVERAGE_POOL_S8_H

#include <stdint.h>

typedef struct {
  int32_t in_height;
  int32_t in_width;
  int32_t in_row;   /* bytes from one input row to the next */
  int32_t in_pixel; /* bytes from one input pixel to the next */
  int32_t out_height;
  int32_t out_width;
  int32_t out_row;
  int32_t out_pixel;
  int32_t channels;
  int32_t filter_height;
  int32_t filter_width;
  int32_t stride_height;
  int32_t stride_width;
  int32_t pad_top;
  int32_t pad_left;
  int32_t low;
  int32_t high;
} imse_average_pool_t;

void imse_average_pool_s8(const imse_average_pool_t *p, const int8_t *in, int8_t *out);

#endif
