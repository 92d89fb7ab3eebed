#include "imse_dwconv_s8_dsp.h"

/* Four channels of a row. */
typedef struct {
  const int8_t *const *tap;
  const int32_t *weights;
  int32_t in;                       /* added to every tap's address */
  const int8_t *const *last_pair;   /* behind the taps that come in pairs */
  int8_t *out;
  const int8_t *end;                /* of out */
  int32_t out_pitch;
  int32_t step;
  int32_t odd;                      /* whether there is a last single tap */
  int32_t pairs;
} row_t;

#if defined(__ARM_FEATURE_DSP)

/* Two taps. */
#define IMSE_PAIR                    \
  "ldrd   r8, r9, [r0], #8     \n\t" \
  "ldr    r8, [r8, r2]         \n\t" \
  "ldr    r9, [r9, r2]         \n\t" \
  "ldrd   r11, r12, [r1], #8   \n\t" \
  "pkhbt  r10, r8, r9, lsl #16 \n\t" /* channels 0 1 of both taps */ \
  "pkhtb  r9, r9, r8, asr #16  \n\t" /* channels 2 3 */              \
  "sxtb16 r8, r10              \n\t" \
  "sxtb16 r10, r10, ror #8     \n\t" \
  "smlad  r4, r8, r11, r4      \n\t" \
  "smlad  r5, r10, r12, r5     \n\t" \
  "ldrd   r11, r12, [r1], #8   \n\t" \
  "sxtb16 r8, r9               \n\t" \
  "sxtb16 r9, r9, ror #8       \n\t" \
  "smlad  r6, r8, r11, r6      \n\t" \
  "smlad  r7, r9, r12, r7      \n\t"

#define IMSE_FINISH(sum, place)            \
  "ldmia  r1!, {r8-r10}              \n\t" \
  "smmlar r9, " sum ", r8, r9        \n\t" \
  "add    r9, r9, " sum ", asr #31   \n\t" \
  "asr    r9, r9, r10                \n\t" \
  "ssat   r9, #8, r9                 \n\t" \
  "strb   r9, [lr, #" place "]       \n\t"

/* In assembly as a whole: it takes all registers. The sums are in r4 to r7; the loop over pairs is
 * entered so that it ends after a whole round. */
static void __attribute__((noinline)) four_channels(const row_t *row) {
  register const row_t *r0 __asm__("r0") = row;
  __asm__ volatile(
      "ldmia  r0, {r1-r10}           \n\t"
      "adr    r11, 2f                \n\t"
      "adr    r12, 3f                \n\t"
      "tst    r10, #1                \n\t" /* pairs */
      "it     ne                     \n\t"
      "movne  r11, r12               \n\t"
      "orr    r10, r11, #1           \n\t"
      "push   {r1-r10}               \n\t"
      "mov    lr, r5                 \n\t"
      "mov    r2, r3                 \n\t"
      "mov    r3, r4                 \n\t"
      "1:                            \n\t"
      "ldrd   r0, r1, [sp]           \n\t"
      "ldmia  r1!, {r4-r7}           \n\t"
      "ldr    pc, [sp, #36]          \n\t"
      ".balign 4                     \n\t"
      "2:                            \n\t" IMSE_PAIR
      ".balign 4                     \n\t"
      "3:                            \n\t" IMSE_PAIR
      "cmp    r0, r3                 \n\t"
      "bne    2b                     \n\t"
      "ldr    r8, [sp, #32]          \n\t"
      "cmp    r8, #0                 \n\t"
      "beq    4f                     \n\t"
      "ldr    r8, [r0]               \n\t"
      "ldrd   r11, r12, [r1], #8     \n\t"
      "ldr    r8, [r8, r2]           \n\t"
      "sxtb16 r9, r8                 \n\t"
      "sxtb16 r8, r8, ror #8         \n\t"
      "smlabb r4, r9, r11, r4        \n\t"
      "smlatt r6, r9, r11, r6        \n\t"
      "smlabb r5, r8, r12, r5        \n\t"
      "smlatt r7, r8, r12, r7        \n\t"
      "4:                            \n\t"
      IMSE_FINISH("r4", "0") IMSE_FINISH("r5", "1") IMSE_FINISH("r6", "2") IMSE_FINISH("r7", "3")
      "add    r12, sp, #20           \n\t"
      "ldmia  r12, {r8-r10}          \n\t"
      "add    r2, r2, r10            \n\t"
      "add    lr, lr, r9             \n\t"
      "cmp    lr, r8                 \n\t"
      "bne    1b                     \n\t"
      "add    sp, #40                \n\t"
      : "+r"(r0)
      :
      : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

#else

static void four_channels(const row_t *row) {
  int32_t in = row->in;
  for (int8_t *out = row->out; out != row->end; out += row->out_pitch) {
    const int32_t *w = row->weights;
    int32_t sum[4] = {w[0], w[1], w[2], w[3]};
    w += 4;
    const int8_t *const *tap = row->tap;
    for (; tap != row->last_pair; tap += 2) {
      for (int32_t c = 0; c < 4; ++c) {
        sum[c] = imse_smlad(imse_pair(tap[0][in + c], tap[1][in + c]), *w++, sum[c]);
      }
    }
    if (row->odd) {
      for (int32_t c = 0; c < 4; ++c) {
        const int32_t both = imse_pair(tap[0][in + c], tap[0][in + c]);
        const int32_t pair = w[c & 1];
        sum[c] = c < 2 ? imse_smlabb(both, pair, sum[c]) : imse_smlatt(both, pair, sum[c]);
      }
      w += 2;
    }
    for (int32_t c = 0; c < 4; ++c) {
      out[c] = imse_scale_s8(sum[c], w[0], w[1], w[2]);
      w += 3;
    }
    in += row->step;
  }
}

#endif

void imse_dwconv_s8_dsp(const imse_dwconv_dsp_t *p, const int8_t *const *tap, int8_t *out) {
  const int32_t odd = p->taps & 1;
  row_t row = {.tap = tap,
               .weights = p->weights,
               .last_pair = tap + p->taps - odd,
               .out_pitch = p->out_pitch,
               .step = p->step,
               .odd = odd,
               .pairs = p->taps >> 1};
  for (int32_t c = 0; c < p->channels; c += 4) {
    row.in = c;
    row.out = out + c;
    row.end = row.out + p->pixels * p->out_pitch;
    four_channels(&row);
    row.weights += 4 + 4 * (p->taps >> 1) + 2 * odd + 12;
  }
}
