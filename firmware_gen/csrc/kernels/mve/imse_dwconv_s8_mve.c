#include "imse_dwconv_s8_mve.h"

#include "imse_mve.h"

/* Two taps of one pixel, at x and y: two products fit 16 bits. */
#define TWO_TAPS(even, odd)                       \
  "vpstt                            \n\t"         \
  "vldrbt.s16 q6, [r5]            \n\t"         \
  "vldrbt.s16 q7, [r6]            \n\t"         \
  "vmul.i16 q6, q6, q4              \n\t"         \
  "vmul.i16 q7, q7, q5              \n\t"         \
  "vadd.i16 q6, q6, q7              \n\t"         \
  "vmovlb.s16 q7, q6                \n\t"         \
  "vmovlt.s16 q6, q6                \n\t"         \
  "vadd.i32 " even ", " even ", q7  \n\t"         \
  "vadd.i32 " odd ", " odd ", q6    \n\t"

#define ONE_TAP(even, odd)                        \
  "vpst                             \n\t"         \
  "vldrbt.s16 q6, [r5]            \n\t"         \
  "vmul.i16 q6, q6, q4              \n\t"         \
  "vmovlb.s16 q7, q6                \n\t"         \
  "vmovlt.s16 q6, q6                \n\t"         \
  "vadd.i32 " even ", " even ", q7  \n\t"         \
  "vadd.i32 " odd ", " odd ", q6    \n\t"

/* The mantissas are in q4, the shifts in q5. */
#define ROUNDED(sums)                             \
  "vshr.s32 q6, " sums ", #31       \n\t"         \
  "vqrdmulh.s32 " sums ", " sums ", q4 \n\t"      \
  "vadd.i32 " sums ", " sums ", q6  \n\t"         \
  "vrshl.s32 " sums ", " sums ", q5 \n\t"

#define MERGED(even, odd)                         \
  "vqmovnb.s32 " even ", " even "   \n\t"         \
  "vqmovnt.s32 " even ", " odd "    \n\t"         \
  "vqadd.s16 " even ", " even ", r5 \n\t"

/* Up to eight channels of two pixels. */
typedef struct {
  const int8_t *const *tap;
  const int8_t *weights;
  const int32_t *params;
  int8_t *out;
  int32_t in;       /* bytes from a tap */
  int32_t step;     /* bytes from the first pixel's inputs to the second one's */
  int32_t pitch;    /* the same of the outputs */
  int32_t channels; /* all that are left */
  const imse_dwconv_mve_t *p;
} two_pixels_t;

/* Even channels in q0 and q2, odd ones in q1 and q3. In assembly as a whole: compilers find no
 * registers for it. Offsets are those of the structures' members. */
static void __attribute__((noinline)) compute(const two_pixels_t *two) {
  register const two_pixels_t *r0 __asm__("r0") = two;
  __asm__ volatile(
      "ldrd r1, r2, [r0]       \n\t" /* tap, weights */
      "ldrd r9, r7, [r0, #8]   \n\t" /* params, out */
      "ldrd r3, r4, [r0, #16]  \n\t" /* in, step */
      "ldrd r10, r11, [r0, #24] \n\t" /* pitch, channels */
      "ldr  r8, [r0, #32]      \n\t" /* p */
      "ldr  r12, [r8, #20]     \n\t" /* taps */
      "vctp.16 r11             \n\t"
      "vldrw.32 q0, [r9]       \n\t"
      "vldrw.32 q1, [r9, #16]  \n\t"
      "vmov q2, q0             \n\t"
      "vmov q3, q1             \n\t"
      "lsr  r5, r12, #1        \n\t"
      "wls  lr, r5, 2f         \n\t"
      "1:                      \n\t"
      "ldrd r5, r6, [r1], #8   \n\t"
      "vldrb.s16 q4, [r2], #8  \n\t"
      "vldrb.s16 q5, [r2], #8  \n\t"
      "add  r5, r3             \n\t"
      "add  r6, r3             \n\t"
      TWO_TAPS("q0", "q1")
      "add  r5, r4             \n\t"
      "add  r6, r4             \n\t"
      TWO_TAPS("q2", "q3")
      "le   lr, 1b             \n\t"
      "2:                      \n\t"
      "tst  r12, #1            \n\t"
      "beq  3f                 \n\t"
      "ldr  r5, [r1]           \n\t"
      "vldrb.s16 q4, [r2]      \n\t"
      "add  r5, r3             \n\t"
      ONE_TAP("q0", "q1")
      "add  r5, r4             \n\t"
      ONE_TAP("q2", "q3")
      "3:                      \n\t"
      "vldrw.32 q4, [r9, #32]  \n\t"
      "vldrw.32 q5, [r9, #64]  \n\t"
      ROUNDED("q0") ROUNDED("q2")
      "vldrw.32 q4, [r9, #48]  \n\t"
      "vldrw.32 q5, [r9, #80]  \n\t"
      ROUNDED("q1") ROUNDED("q3")
      "ldr  r5, [r8, #8]       \n\t" /* output_offset */
      MERGED("q0", "q1") MERGED("q2", "q3")
      "ldrd r5, r6, [r8, #12]  \n\t" /* low, high */
      "vdup.16 q4, r5          \n\t"
      "vdup.16 q5, r6          \n\t"
      "vmax.s16 q0, q0, q4     \n\t"
      "vmax.s16 q2, q2, q4     \n\t"
      "vmin.s16 q0, q0, q5     \n\t"
      "vmin.s16 q2, q2, q5     \n\t"
      "vpst                    \n\t"
      "vstrbt.16 q0, [r7]      \n\t"
      "add  r7, r10            \n\t"
      "vpst                    \n\t"
      "vstrbt.16 q2, [r7]      \n\t"
      : "+r"(r0)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "d0",
        "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12", "d13", "d14",
        "d15", "p0", "cc", "memory");
}

void imse_dwconv_s8_mve(const imse_dwconv_mve_t *p, const int8_t *const *tap, int8_t *out) {
  two_pixels_t two = {.tap = tap, .weights = p->weights, .params = p->params, .p = p};
  for (int32_t c = 0; c < p->channels; c += 8) {
    two.out = out + c;
    two.in = c;
    two.step = p->step;
    two.pitch = p->out_pitch;
    two.channels = p->channels - c;
    for (int32_t left = p->pixels; left > 0; left -= 2) {
      if (left == 1) {
        /* The last one of an odd number of pixels is computed twice, into the same place. */
        two.step = 0;
        two.pitch = 0;
      }
      compute(&two);
      two.in += 2 * p->step;
      two.out += 2 * p->out_pitch;
    }
    two.weights += 8 * p->taps;
    two.params += 24;
  }
}
