#include "imse_conv_s16_mve.h"

#include "imse_conv_core_mve.h"

#define INPUTS(add, address, first, second)       \
  "vldrh.16 q0, [" address "], #16        \n\t"   \
  "vmladav" add ".s16 " first ", q0, q1   \n\t"   \
  "vmladav" add ".s16 " second ", q0, q2  \n\t"

#define BLOCK(add)                     \
  "vldrb.s16 q1, [r1], #8      \n\t"   \
  "vldrb.s16 q2, [r1], #8      \n\t"   \
  INPUTS(add, "r3", "r0", "r8")        \
  INPUTS(add, "r5", "r2", "r10")       \
  INPUTS(add, "r7", "r4", "r12")       \
  INPUTS(add, "r9", "r6", "lr")

/* Two channels of four pixels; rounds of one block, then of two. */
#define SUMS                           \
  "ldrd r3, r5, [sp, #0]       \n\t"   \
  "ldrd r7, r9, [sp, #8]       \n\t"   \
  "ldr  r11, [sp, #32]         \n\t"   \
  BLOCK("")                            \
  "lsrs r11, r11, #1           \n\t"   \
  "bcc  2f                     \n\t"   \
  BLOCK("a")                           \
  "2:                          \n\t"   \
  "beq  4f                     \n\t"   \
  "3:                          \n\t"   \
  BLOCK("a")                           \
  BLOCK("a")                           \
  "subs r11, #1                \n\t"   \
  "bne  3b                     \n\t"   \
  "4:                          \n\t"

/* Both channels of a pixel become one word. */
#define WORDS(limits)                                       \
  SUMS IMSE_TO_VECTORS                                      \
  "ldm     r1!, {r0, r2, r4, r6, r8, r10, r12, lr} \n\t"    \
  "vadd.i32 q0, q0, r0                   \n\t"              \
  "vqdmulh.s32 q0, q0, r2                \n\t"              \
  "vrshl.s32 q0, r4                      \n\t"              \
  "vadd.i32 q1, q1, r6                   \n\t"              \
  "vqdmulh.s32 q1, q1, r8                \n\t"              \
  "vrshl.s32 q1, r10                     \n\t"              \
  "vqmovnb.s32 q3, q0                    \n\t"              \
  "vqmovnt.s32 q3, q1                    \n\t"              \
  limits

#define LIMITS                                              \
  "vdup.32 q0, r12                       \n\t"              \
  "vmax.s16 q3, q3, q0                   \n\t"              \
  "vdup.32 q0, lr                        \n\t"              \
  "vmin.s16 q3, q3, q0                   \n\t"

IMSE_CONV_KERNEL(imse_conv_s16_mve, IMSE_FOUR(WORDS("")))
IMSE_CONV_KERNEL(imse_conv_limits_s16_mve, IMSE_FOUR(WORDS(LIMITS)))
