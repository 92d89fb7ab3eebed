#include "imse_pixels_s8_dsp.h"

#if defined(__ARM_FEATURE_DSP)

#define IMSE_CHAIN_QUADS 8
#define IMSE_QUAD_BYTES 40
#define IMSE_TEXT(number) IMSE_AS_TEXT(number)
#define IMSE_AS_TEXT(number) #number

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

/* In assembly as a whole: it takes all registers. The sums are in r2, r3 (first pixel), r4 and lr.
 * Behind the first quad comes a chain of eight. It is entered where as many are left as it takes
 * to end after a whole one, and left for label 5 when there are more, else for the rounding. These
 * three addresses are kept in `code`. On the stack: what `pixels` holds, without `weights`. */
void __attribute__((noinline)) imse_pixels_s8_dsp(imse_pixels_t *pixels) {
  register imse_pixels_t *r0 __asm__("r0") = pixels;
  __asm__ volatile(
      "ldr    r1, [r0, #28]       \n\t"
      "cbnz   r1, 1f              \n\t"
      "ldrd   r1, r2, [r0]        \n\t"
      "sub    r2, r2, r1          \n\t"
      "lsr    r2, r2, #4          \n\t"
      "sub    r2, r2, #1          \n\t" /* quads behind the first one */
      "adr    r4, 6f              \n\t"
      "adr    r5, 7f              \n\t"
      "ldr    r3, [r0, #8]        \n\t"
      "cmp    r3, #0              \n\t"
      "it     ne                  \n\t"
      "movne  r4, r5              \n\t"
      "orr    r5, r4, #1          \n\t"
      "mov    r4, r5              \n\t"
      "adr    r3, 4f              \n\t"
      "cmp    r2, #" IMSE_TEXT(IMSE_CHAIN_QUADS) " \n\t"
      "ble    0f                  \n\t"
      "adr    r4, 5f              \n\t"
      "orr    r4, r4, #1          \n\t"
      "sub    r2, r2, #1          \n\t"
      "and    r2, r2, #" IMSE_TEXT(IMSE_CHAIN_QUADS) " - 1 \n\t"
      "add    r2, r2, #1          \n\t"
      "0:                         \n\t"
      "mov    r1, #" IMSE_TEXT(IMSE_QUAD_BYTES) " \n\t"
      "mls    r3, r2, r1, r3      \n\t"
      "orr    r3, r3, #1          \n\t"
      "add    r1, r0, #28         \n\t"
      "stmia  r1, {r3-r5}         \n\t"
      "1:                         \n\t"
      "ldmia  r0, {r1-r10}        \n\t"
      "push   {r1-r10}            \n\t"
      "mov    r1, r7              \n\t"
      "2:                         \n\t"
      "ldr    r0, [sp]            \n\t" IMSE_FIRST_QUAD
      "ldr    pc, [sp, #28]       \n\t"
      ".balign 4                  \n\t"
      "3:                         \n\t" IMSE_QUAD IMSE_QUAD IMSE_QUAD IMSE_QUAD IMSE_QUAD IMSE_QUAD
      IMSE_QUAD IMSE_QUAD
      ".balign 4                  \n\t"
      "4:                         \n\t"
      "ldr    pc, [sp, #32]       \n\t"
      ".balign 4                  \n\t"
      "5:                         \n\t"
      "ldr    r5, [sp, #4]        \n\t"
      "cmp    r0, r5              \n\t"
      "bne    3b                  \n\t"
      "ldr    pc, [sp, #36]       \n\t"
      ".balign 4                  \n\t"
      "6:                         \n\t"
      "ldrd   r5, r6, [sp, #16]   \n\t"
      "ldmia  r1!, {r7-r12}       \n\t"
      IMSE_ROUND("r2", "r4", "r0", "r7", "r7", "r8", "r9") IMSE_STORE("r0", "r7")
      IMSE_ROUND("r3", "lr", "r2", "r4", "r10", "r11", "r12") IMSE_STORE("r2", "r4")
      "cmp    r12, #0             \n\t"
      "strd   r5, r6, [sp, #16]   \n\t"
      "bpl    2b                  \n\t"
      "b      8f                  \n\t"
      ".balign 4                  \n\t"
      "7:                         \n\t"
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
      "bpl    2b                  \n\t"
      "8:                         \n\t"
      "add    sp, #40             \n\t"
      : "+r"(r0)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

#else

#include <stddef.h>

#include "imse_dot.h"

void imse_pixels_s8_dsp(imse_pixels_t *pixels) {
  const int8_t *table = pixels->tables;
  const int32_t quads = (int32_t)(pixels->x_end - pixels->x) / 4;
  const int32_t *w = pixels->weights;
  int8_t *const out[2] = {pixels->first, pixels->second};
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

#endif
