/* The inner part of convolutions and matrix products: all output channels of two pixels, two
 * channels at a time. */
#ifndef IMSE_PIXELS_S8_DSP_H
#define IMSE_PIXELS_S8_DSP_H

#include <stdint.h>

#include "imse_simd.h"

/* In the shift of the last channel; a shift by a register ignores it. */
#define IMSE_LAST_CHANNEL INT32_MIN

typedef struct {
  const int32_t *x;       /* inputs as int16: per quad two words of each pixel, order 0 2 1 3 */
  const int32_t *x_end;   /* at least one quad behind x */
  const int8_t *tables;   /* first channel's table, at the result for 0, or NULL */
  int32_t table_step;     /* bytes from one channel's table to the next one's */
  int8_t *first;          /* results of the first pixel */
  int8_t *second;
  /* Per two channels: both doubled biases; per quad 4 doubled int16 of each channel, in the order
   * of the inputs; mantissa, add and shift of each channel. */
  const int32_t *weights;
  const void *code[3];    /* NULL at first: where the kernel goes for this number of quads */
} imse_pixels_t;

/* Results are stored channel by channel, of the first pixel before those of the second. */
void imse_pixels_s8_dsp(imse_pixels_t *pixels);

/* Whole quads of two pixels as int16; returns the place behind them. */
static inline int32_t *imse_expand_quads(const int8_t *first, const int8_t *second, int32_t quads,
                                         int32_t *to) {
#if defined(__ARM_FEATURE_DSP)
  __asm__ volatile(
      "1:                        \n\t"
      "ldr    r5, [%[first]], #4  \n\t"
      "ldr    r7, [%[second]], #4 \n\t"
      "sxtb16 r4, r5             \n\t"
      "sxtb16 r5, r5, ror #8     \n\t"
      "sxtb16 r6, r7             \n\t"
      "sxtb16 r7, r7, ror #8     \n\t"
      "subs   %[n], #1           \n\t"
      "stmia  %[to]!, {r4-r7}    \n\t"
      "bne    1b                 \n\t"
      : [first] "+r"(first), [second] "+r"(second), [n] "+r"(quads), [to] "+r"(to)
      :
      : "r4", "r5", "r6", "r7", "cc", "memory");
#else
  for (; quads > 0; --quads) {
    const uint32_t a = imse_load4(first);
    const uint32_t b = imse_load4(second);
    to[0] = imse_sxtb16(a);
    to[1] = imse_sxtb16_high(a);
    to[2] = imse_sxtb16(b);
    to[3] = imse_sxtb16_high(b);
    first += 4;
    second += 4;
    to += 4;
  }
#endif
  return to;
}

#endif
