#include "imse_pixels_s8_dsp.h"

int32_t *imse_expand_quads(const int8_t *first, const int8_t *second, int32_t quads, int32_t *to) {
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
  return to;
}

#if defined(__ARM_FEATURE_DSP)

/* Four values of two pixels times those of two channels, added to the biases in r2 and r3. */
#define IMSE_FIRST_QUAD                    \
  "ldmia  r1!, {r2, r3, r9-r12} \n\t" \
  "ldmia  r0!, {r5-r8}          \n\t" \
  "smlad  r4, r7, r9, r2        \n\t" \
  "smlad  r2, r5, r9, r2        \n\t" \
  "smlad  r4, r8, r10, r4       \n\t" \
  "smlad  r2, r6, r10, r2       \n\t" \
  "smlad  lr, r7, r11, r3       \n\t" \
  "smlad  r3, r5, r11, r3       \n\t" \
  "smlad  lr, r8, r12, lr       \n\t" \
  "smlad  r3, r6, r12, r3       \n\t"

#define IMSE_QUAD                \
  "ldmia  r0!, {r5-r8}     \n\t" \
  "ldmia  r1!, {r9-r12}    \n\t" \
  "smlad  r2, r5, r9, r2   \n\t" \
  "smlad  r4, r7, r9, r4   \n\t" \
  "smlad  r2, r6, r10, r2  \n\t" \
  "smlad  r4, r8, r10, r4  \n\t" \
  "smlad  r3, r5, r11, r3  \n\t" \
  "smlad  lr, r7, r11, lr  \n\t" \
  "smlad  r3, r6, r12, r3  \n\t" \
  "smlad  lr, r8, r12, lr  \n\t"

/* Four values of two pixels, in r5 and r7, as int16. */
#define IMSE_EXPAND                 \
  "sxtb16 r4, r5              \n\t" \
  "sxtb16 r5, r5, ror #8      \n\t" \
  "sxtb16 r6, r7              \n\t" \
  "sxtb16 r7, r7, ror #8      \n\t" \
  "stmia  r0!, {r4-r7}        \n\t"

/* The sums a and b of one channel to bytes in x and y. */
#define IMSE_ROUND(a, b, x, y, mantissa, add, shift)                    \
  "smmlar " x ", " a ", " mantissa ", " add "  \n\t"                    \
  "smmlar " y ", " b ", " mantissa ", " add "  \n\t"                    \
  "add    " x ", " x ", " a ", asr #31         \n\t"                    \
  "add    " y ", " y ", " b ", asr #31         \n\t"                    \
  "asr    " x ", " x ", " shift "              \n\t"                    \
  "asr    " y ", " y ", " shift "              \n\t"                    \
  "ssat   " x ", #8, " x "                     \n\t"                    \
  "ssat   " y ", #8, " y "                     \n\t"

#define IMSE_LOOK_UP(x, y)               \
  "ldrsb  " x ", [r11, " x "]      \n\t" \
  "ldrsb  " y ", [r11, " y "]      \n\t" \
  "add    r11, r12                 \n\t"

#define IMSE_STORE(x, y)            \
  "strb   " x ", [r5], #1     \n\t" \
  "strb   " y ", [r6], #1     \n\t"

/* In assembly as a whole: it takes all registers. On the stack, in words: 0 x, 1 its end, 2 table,
 * 3 its step, 4 results of the first and 5 the second pixel, 6 weights, 7 to 9 addresses, 10 taps,
 * 11 their end, 12 back, 13 offset, 14 step, 15 quads, 16 pairs, 17 pitch, 18 results and 19 table
 * of the first channel. The sums are in r2, r3 (first pixel), r4 and lr. Behind the first quad comes
 * a chain of eight. It is entered (address 7) where as many are left as it takes to end after a
 * whole one, and left (8) for label 9 when there are more, else for the rounding (9). */
void __attribute__((noinline)) imse_pixels_s8_dsp(const imse_pixels_t *pixels) {
  register const imse_pixels_t *r0 __asm__("r0") = pixels;
  __asm__ volatile(
      "sub    sp, #80             \n\t"
      "ldmia  r0!, {r1-r6}        \n\t"
      "strd   r1, r2, [sp]        \n\t"
      "strd   r3, r4, [sp, #8]    \n\t"
      "str    r5, [sp, #16]       \n\t"
      "str    r6, [sp, #24]       \n\t"
      "str    r5, [sp, #72]       \n\t"
      "str    r3, [sp, #76]       \n\t"
      "sub    r2, r2, r1          \n\t"
      "lsr    r2, r2, #4          \n\t"
      "sub    r2, r2, #1          \n\t" /* quads behind the first one */
      "adr    r4, 10f             \n\t"
      "adr    r6, 11f             \n\t"
      "cmp    r3, #0              \n\t"
      "it     ne                  \n\t"
      "movne  r4, r6              \n\t"
      "orr    r4, r4, #1          \n\t"
      "mov    r6, r4              \n\t"
      "adr    r3, 8f              \n\t"
      "cmp    r2, #8              \n\t"
      "ble    1f                  \n\t"
      "adr    r6, 9f              \n\t"
      "orr    r6, r6, #1          \n\t"
      "sub    r2, r2, #1          \n\t"
      "and    r2, r2, #7          \n\t"
      "add    r2, r2, #1          \n\t"
      "1:                         \n\t"
      "mov    r1, #40             \n\t" /* bytes of a quad */
      "mls    r3, r2, r1, r3      \n\t"
      "orr    r3, r3, #1          \n\t"
      "strd   r3, r6, [sp, #28]   \n\t"
      "str    r4, [sp, #36]       \n\t"
      "ldmia  r0, {r1-r4, r6-r9}  \n\t"
      "add    r0, sp, #40         \n\t"
      "stmia  r0, {r1-r4, r6-r9}  \n\t"
      "add    r5, r5, r9          \n\t"
      "str    r5, [sp, #20]       \n\t"
      "2:                         \n\t" /* a pair of pixels: its inputs */
      "ldr    r0, [sp]            \n\t"
      "add    r12, sp, #40        \n\t"
      "ldmia  r12, {r1-r3, r8-r10} \n\t"
      "b      5f                  \n\t"
      "3:                         \n\t"
      "ldr    r11, [r1], #4       \n\t"
      "add    r11, r11, r8        \n\t"
      "add    r12, r11, r9        \n\t"
      "mov    lr, r10             \n\t"
      "4:                         \n\t"
      "ldr    r5, [r11], #4       \n\t"
      "ldr    r7, [r12], #4       \n\t" IMSE_EXPAND
      "subs   lr, #1              \n\t"
      "bne    4b                  \n\t"
      "cbz    r3, 5f              \n\t"
      "ldr    r5, [r11, r3]       \n\t"
      "ldr    r7, [r12, r3]       \n\t" IMSE_EXPAND
      "5:                         \n\t"
      "cmp    r1, r2              \n\t"
      "bne    3b                  \n\t"
      "ldr    r1, [sp, #24]       \n\t"
      "6:                         \n\t" /* two channels */
      "ldr    r0, [sp]            \n\t" IMSE_FIRST_QUAD
      "ldr    pc, [sp, #28]       \n\t"
      ".balign 4                  \n\t"
      "7:                         \n\t" IMSE_QUAD IMSE_QUAD IMSE_QUAD IMSE_QUAD IMSE_QUAD IMSE_QUAD
      IMSE_QUAD IMSE_QUAD
      ".balign 4                  \n\t"
      "8:                         \n\t"
      "ldr    pc, [sp, #32]       \n\t"
      ".balign 4                  \n\t"
      "9:                         \n\t"
      "ldr    r5, [sp, #4]        \n\t"
      "cmp    r0, r5              \n\t"
      "bne    7b                  \n\t"
      "ldr    pc, [sp, #36]       \n\t"
      ".balign 4                  \n\t"
      "11:                        \n\t"
      "ldrd   r5, r6, [sp, #16]   \n\t"
      "ldrd   r11, r12, [sp, #8]  \n\t"
      "ldmia  r1!, {r8-r10}       \n\t"
      IMSE_ROUND("r2", "r4", "r0", "r7", "r8", "r9", "r10")
      IMSE_LOOK_UP("r0", "r7") IMSE_STORE("r0", "r7")
      "ldmia  r1!, {r8-r10}       \n\t"
      IMSE_ROUND("r3", "lr", "r2", "r4", "r8", "r9", "r10")
      IMSE_LOOK_UP("r2", "r4") IMSE_STORE("r2", "r4")
      "str    r11, [sp, #8]       \n\t"
      "cmp    r10, #0             \n\t"
      "strd   r5, r6, [sp, #16]   \n\t"
      "bpl    6b                  \n\t"
      "b      12f                 \n\t"
      ".balign 4                  \n\t"
      "10:                        \n\t"
      "ldrd   r5, r6, [sp, #16]   \n\t"
      "ldmia  r1!, {r7-r12}       \n\t"
      IMSE_ROUND("r2", "r4", "r0", "r7", "r7", "r8", "r9") IMSE_STORE("r0", "r7")
      IMSE_ROUND("r3", "lr", "r2", "r4", "r10", "r11", "r12") IMSE_STORE("r2", "r4")
      "cmp    r12, #0             \n\t"
      "strd   r5, r6, [sp, #16]   \n\t"
      "bpl    6b                  \n\t"
      "12:                        \n\t"
      "add    r12, sp, #64        \n\t"
      "ldmia  r12, {r2-r4, r6}    \n\t" /* pairs, pitch, results, table */
      "ldrd   r8, r9, [sp, #52]   \n\t"
      "add    r4, r4, r3, lsl #1  \n\t"
      "add    r5, r4, r3          \n\t"
      "add    r8, r8, r9, lsl #1  \n\t"
      "str    r4, [sp, #72]       \n\t"
      "strd   r4, r5, [sp, #16]   \n\t"
      "str    r6, [sp, #8]        \n\t"
      "str    r8, [sp, #52]       \n\t"
      "subs   r2, #1              \n\t"
      "str    r2, [sp, #64]       \n\t"
      "bne    2b                  \n\t"
      "add    sp, #80             \n\t"
      : "+r"(r0)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

#else

#include <stddef.h>

#include "imse_dot.h"

static void expand(const imse_pixels_t *pixels, int32_t offset) {
  int32_t *to = pixels->x;
  for (const int8_t *const *tap = pixels->taps; tap < pixels->taps_end; ++tap) {
    const int8_t *const in = *tap + offset;
    to = imse_expand_quads(in, in + pixels->step, pixels->quads, to);
    if (pixels->back != 0) {
      const int8_t *const last = in + 4 * pixels->quads + pixels->back;
      to = imse_expand_quads(last, last + pixels->step, 1, to);
    }
  }
}

static void two_pixels(const imse_pixels_t *pixels, int8_t *first) {
  int8_t *const out[2] = {first, first + pixels->pitch};
  const int8_t *table = pixels->tables;
  const int32_t quads = (int32_t)(pixels->x_end - pixels->x) / 4;
  const int32_t *w = pixels->weights;
  for (int32_t channel = 0, last = 0; !last; channel += 2) {
    int32_t sum[4] = {w[0], w[1], w[0], w[1]};
    w = imse_dot_2x2(pixels->x, w + 2, quads, sum);
    for (int32_t i = 0; i < 2; ++i) {
      for (int32_t j = 0; j < 2; ++j) {
        const int8_t value = imse_scale_s8(sum[2 * j + i], w[0], w[1], w[2] & 31);
        out[j][channel + i] = table != NULL ? table[value] : value;
      }
      table = table != NULL ? table + pixels->table_step : NULL;
      last = w[2] < 0;
      w += 3;
    }
  }
}

void imse_pixels_s8_dsp(const imse_pixels_t *pixels) {
  for (int32_t i = 0; i < pixels->pairs; ++i) {
    expand(pixels, pixels->offset + 2 * i * pixels->step);
    two_pixels(pixels, pixels->first + 2 * i * pixels->pitch);
  }
}

#endif
