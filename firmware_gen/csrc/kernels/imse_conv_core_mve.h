/* The inner loops of the Helium convolutions, in assembly as a whole: they take all registers.
 * Sums of the first channel are in r0 r2 r4 r6, of the second one in r8 r10 r12 lr; the pixels are
 * at r3 r5 r7 r9, the weights at r1. */
#ifndef IMSE_CONV_CORE_MVE_H
#define IMSE_CONV_CORE_MVE_H

#include "imse_conv_s8_mve.h"

/* 16 inputs of one pixel times the weights of two channels. */
#define IMSE_PIXEL(add, address, first, second)  \
  "vldrb.8 q0, [" address "              \n\t"   \
  "vmladav" add ".s8 " first ", q0, q1   \n\t"   \
  "vmladav" add ".s8 " second ", q0, q2  \n\t"

#define IMSE_BLOCK(add, after)                     \
  "vldrb.8 q1, [r1], #16 \n\t"                     \
  "vldrb.8 q2, [r1], #16 \n\t"                     \
  IMSE_PIXEL(add, "r3" after, "r0", "r8")          \
  IMSE_PIXEL(add, "r5" after, "r2", "r10")         \
  IMSE_PIXEL(add, "r7" after, "r4", "r12")         \
  IMSE_PIXEL(add, "r9" after, "r6", "lr")

#define IMSE_SUMS_16 IMSE_BLOCK("", "]")
#define IMSE_SUMS_32 IMSE_SUMS_16 IMSE_BLOCK("a", ", #16]")
#define IMSE_SUMS_48 IMSE_SUMS_32 IMSE_BLOCK("a", ", #32]")
#define IMSE_SUMS                   \
  "ldrd r3, r5, [sp, #0]  \n\t"     \
  "ldrd r7, r9, [sp, #8]  \n\t"     \
  "ldr  r11, [sp, #32]    \n\t"     \
  IMSE_BLOCK("", "], #16")          \
  "2:                     \n\t"     \
  IMSE_BLOCK("a", "], #16")         \
  "subs r11, #1           \n\t"     \
  "bne  2b                \n\t"

/* Sums of two channels, the first one's to q0, the second one's to q1. */
#define IMSE_TO_VECTORS                           \
  "vmov    q0[2], q0[0], r0, r4           \n\t"   \
  "vmov    q0[3], q0[1], r2, r6           \n\t"   \
  "vmov    q1[2], q1[0], r8, r12          \n\t"   \
  "vmov    q1[3], q1[1], r10, lr          \n\t"

/* Sums of two channels to int16 with the output's zero point, one channel in every other lane. */
#define IMSE_PAIR(sums, to) sums IMSE_TO_VECTORS  \
  "ldm     r1!, {r0, r2, r4, r6, r8, r10, r12} \n\t" \
  "vadd.i32 q0, q0, r0                    \n\t"   \
  "vshr.s32 q2, q0, #31                   \n\t"   \
  "vqrdmlah.s32 q2, q0, r2                \n\t"   \
  "vrshl.s32 q2, r4                       \n\t"   \
  "vadd.i32 q1, q1, r6                    \n\t"   \
  "vshr.s32 q0, q1, #31                   \n\t"   \
  "vqrdmlah.s32 q0, q1, r8                \n\t"   \
  "vrshl.s32 q0, r10                      \n\t"   \
  "vqmovnb.s32 " to ", q2                 \n\t"   \
  "vqmovnt.s32 " to ", q0                 \n\t"   \
  "vqadd.s16 " to ", " to ", r12          \n\t"

/* Looks the results of two channels up, each in its table. */
#define IMSE_LOOK_UP_PAIR(to)         \
  "ldr     r0, [sp, #28]     \n\t"    \
  "vqshl.s16 " to ", " to ", #8 \n\t" \
  "vshr.u16 q0, " to ", #8   \n\t"    \
  "vorr.i32 q0, #0x1000000   \n\t"    \
  "add     r2, r0, #512      \n\t"    \
  "str     r2, [sp, #28]     \n\t"    \
  "vldrb.s16 " to ", [r0, q0] \n\t"

/* Looks all results up in one table. */
#define IMSE_LOOK_UP_ALL              \
  "ldr     r0, [sp, #28]     \n\t"    \
  "vldrb.u8 q1, [r0, q3]     \n\t"    \
  "vmov    q3, q1            \n\t"

/* Four pixels: what gives the next word of each of them, in q3, between the frames of the loop. */
#define IMSE_FOUR(next_words)                     \
  "sub   sp, #64                \n\t"             \
  "vldrw.32 q0, [r0]            \n\t"             \
  "vldrw.32 q1, [r0, #16]       \n\t"             \
  "vldrw.32 q2, [r0, #32]       \n\t"             \
  "vldrw.32 q3, [r0, #48]       \n\t"             \
  "vstrw.32 q0, [sp]            \n\t"             \
  "vstrw.32 q1, [sp, #16]       \n\t"             \
  "vstrw.32 q2, [sp, #32]       \n\t"             \
  "vstrw.32 q3, [sp, #48]       \n\t"             \
  "ldrd  r3, r5, [sp, #0]       \n\t"             \
  "ldrd  r7, r9, [sp, #8]       \n\t"             \
  "ldr   r1, [sp, #16]          \n\t"             \
  "1:                           \n\t"             \
  next_words                                      \
  "ldrd  r2, r4, [sp, #20]      \n\t"             \
  "vldrw.32 q0, [sp, #48]       \n\t"             \
  "vstrw.32 q3, [r2, q0]        \n\t"             \
  "adds  r2, #4                 \n\t"             \
  "str   r2, [sp, #20]          \n\t"             \
  "cmp   r2, r4                 \n\t"             \
  "bne   1b                     \n\t"             \
  "add   sp, #64                \n\t"

#define IMSE_FOUR_PIXELS(sums, look_up_pair, look_up_all) \
  IMSE_FOUR(IMSE_PAIR(sums, "q3") look_up_pair("q3")      \
            IMSE_PAIR_AGAIN(sums, "q1") look_up_pair("q1") \
            "vqmovnb.s16 q3, q3           \n\t"           \
            "vqmovnt.s16 q3, q1           \n\t"           \
            look_up_all)
#define IMSE_PAIR_AGAIN(sums, to) IMSE_PAIR(sums, to)
#define IMSE_NO_PAIR(to)

#define IMSE_ALL_REGISTERS                                                                      \
  "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "d0", "d1",  \
      "d2", "d3", "d4", "d5", "d6", "d7", "cc", "memory"

#define IMSE_CONV_KERNEL(name, text)                                                           \
  static void __attribute__((noinline)) name##_four(const imse_four_pixels_t *four) {          \
    register const imse_four_pixels_t *r0 __asm__("r0") = four;                                \
    __asm__ volatile(text : "+r"(r0) : : IMSE_ALL_REGISTERS);                                  \
  }                                                                                            \
  void name(const imse_conv_mve_t *p, const int8_t *const *tap, int8_t *out) {                 \
    imse_conv_walk_s8_mve(p, tap, out, name##_four);                                           \
  }

#endif
