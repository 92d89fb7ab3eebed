#include "imse_average_pool_s8.h"

#include "imse_fixedpoint.h"

static int32_t window_mean(const imse_average_pool_t *p, const int8_t *in, int32_t y, int32_t x) {
  int32_t sum = 0;
  int32_t count = 0;
  for (int32_t j = 0; j < p->filter_height; ++j) {
    for (int32_t i = 0; i < p->filter_width; ++i) {
      if (y + j >= 0 && y + j < p->in_height && x + i >= 0 && x + i < p->in_width) {
        sum += in[(y + j) * p->in_row + (x + i) * p->in_pixel];
        ++count;
      }
    }
  }
  return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
}

void imse_average_pool_s8(const imse_average_pool_t *p, const int8_t *in, int8_t *out) {
  for (int32_t y = 0; y < p->out_height; ++y) {
    for (int32_t x = 0; x < p->out_width; ++x) {
      for (int32_t c = 0; c < p->channels; ++c) {
        const int32_t mean = window_mean(p, in + c, y * p->stride_height - p->pad_top,
                                         x * p->stride_width - p->pad_left);
        out[y * p->out_row + x * p->out_pixel + c] = (int8_t)imse_clamp(mean, p->low, p->high);
      }
    }
  }
}
