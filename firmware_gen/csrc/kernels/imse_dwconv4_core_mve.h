/* The inner loops of the Helium depthwise convolutions, in assembly as a whole. Sums as in the
 * convolutions; the addresses of the first pixel's columns are in q4, the weights at r1. */
#ifndef IMSE_DWCONV4_CORE_MVE_H
#define IMSE_DWCONV4_CORE_MVE_H

#include "imse_conv_core_mve.h"
#include "imse_dwconv4_s8_mve.h"

/* Four pixels times four columns of a channel; 64 bytes from one pixel to the next. */
#define IMSE_COLUMNS(add, o0, o1, o2, o3, s0, s1, s2, s3) \
  "vldrb.8 q1, [r1], #16              \n\t"               \
  "vldrw.u32 q0, [q4, #" o0 "]        \n\t"               \
  "vmladav" add ".s8 " s0 ", q0, q1   \n\t"               \
  "vldrw.u32 q0, [q4, #" o1 "]        \n\t"               \
  "vmladav" add ".s8 " s1 ", q0, q1   \n\t"               \
  "vldrw.u32 q0, [q4, #" o2 "]        \n\t"               \
  "vmladav" add ".s8 " s2 ", q0, q1   \n\t"               \
  "vldrw.u32 q0, [q4, #" o3 "]        \n\t"               \
  "vmladav" add ".s8 " s3 ", q0, q1   \n\t"

#define IMSE_CHANNEL_4(s0, s1, s2, s3) \
  IMSE_COLUMNS("", "0", "64", "128", "192", s0, s1, s2, s3)
#define IMSE_CHANNEL_8(s0, s1, s2, s3)      \
  IMSE_CHANNEL_4(s0, s1, s2, s3)            \
  IMSE_COLUMNS("a", "256", "320", "384", "448", s0, s1, s2, s3)

/* Sums of two channels; the addresses move to the channel behind them. */
#define IMSE_TWO_CHANNELS(channel, next)                          \
  channel("r0", "r2", "r4", "r6") "vadd.i32 q4, q4, r5     \n\t"  \
  channel("r8", "r10", "r12", "lr") "vadd.i32 q4, q4, " next " \n\t"

#define IMSE_FOUR_CHANNELS(channel)                               \
  "ldr    r3, [r0]              \n\t"                             \
  "ldrd   r11, r7, [r0, #4]     \n\t" /* out, groups */           \
  "ldr    r9, [r0, #12]         \n\t" /* out_step */              \
  "vldrw.32 q5, [r0, #16]       \n\t"                             \
  "vldrw.32 q4, [r0, #32]       \n\t"                             \
  "push   {r3, r9}              \n\t"                             \
  "mov    r5, #8                \n\t"                             \
  "mvn    r3, #3                \n\t" /* -4 */                    \
  "mov    r9, #244              \n\t" /* 256 - 12 */              \
  "1:                           \n\t"                             \
  "ldr    r1, [sp]              \n\t"                             \
  IMSE_PAIR(IMSE_TWO_CHANNELS(channel, "r3"), "q3")               \
  IMSE_PAIR_AGAIN(IMSE_TWO_CHANNELS(channel, "r9"), "q1")         \
  "vqmovnb.s16 q3, q3           \n\t"                             \
  "vqmovnt.s16 q3, q1           \n\t"                             \
  "vstrw.32 q3, [r11, q5]       \n\t"                             \
  "ldr    r2, [sp, #4]          \n\t"                             \
  "add    r11, r11, r2          \n\t"                             \
  "subs   r7, #1                \n\t"                             \
  "bne    1b                    \n\t"                             \
  "add    sp, #8                \n\t"

#define IMSE_DWCONV_KERNEL(name, channel)                                                      \
  static void __attribute__((noinline)) name##_four(const imse_four_channels_t *four) {        \
    register const imse_four_channels_t *r0 __asm__("r0") = four;                              \
    __asm__ volatile(IMSE_FOUR_CHANNELS(channel)                                               \
                     : "+r"(r0)                                                                \
                     :                                                                         \
                     : IMSE_ALL_REGISTERS, "d8", "d9", "d10", "d11");                          \
  }                                                                                            \
  void name(const imse_dwconv4_mve_t *p, const int8_t *const *row, int8_t *out) {              \
    imse_dwconv4_walk_s8_mve(p, row, out, name##_four);                                        \
  }

#endif
