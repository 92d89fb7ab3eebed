#include "imse_dwconv3_s8_dsp.h"

/* Expands n columns of four channels; `in` is added to every row's address. */
static void __attribute__((noinline)) expand_columns(const int8_t *const *row, int32_t in,
                                                     int32_t step, int32_t n, int32_t *to) {
  const int8_t *const first = row[0];
  const int8_t *const second = row[1];
  const int8_t *const third = row[2];
#if defined(__ARM_FEATURE_DSP)
  __asm__ volatile(
      "1:                            \n\t"
      "ldr    r4, [%[first], %[in]]  \n\t"
      "ldr    r5, [%[second], %[in]] \n\t"
      "ldr    r8, [%[third], %[in]]  \n\t"
      "add    %[in], %[step]         \n\t"
      "pkhbt  r6, r4, r5, lsl #16    \n\t" /* channels 0 1 of both rows */
      "pkhtb  r5, r5, r4, asr #16    \n\t" /* channels 2 3 of both rows */
      "sxtb16 r4, r6                 \n\t"
      "sxtb16 r7, r6, ror #8         \n\t"
      "sxtb16 r6, r8                 \n\t"
      "sxtb16 r9, r8, ror #8         \n\t"
      "sxtb16 r8, r5, ror #8         \n\t"
      "sxtb16 r5, r5                 \n\t"
      "subs   %[n], #1               \n\t"
      "stmia  %[to]!, {r4-r9}        \n\t"
      "bne    1b                     \n\t"
      : [in] "+r"(in), [n] "+r"(n), [to] "+r"(to)
      : [first] "r"(first), [second] "r"(second), [third] "r"(third), [step] "r"(step)
      : "r4", "r5", "r6", "r7", "r8", "r9", "cc", "memory");
#else
  for (; n > 0; --n) {
    const uint32_t a = imse_load4(first + in);
    const uint32_t b = imse_load4(second + in);
    const uint32_t c = imse_load4(third + in);
    const uint32_t low = (a & 0xFFFFu) | (b << 16);
    const uint32_t high = (a >> 16) | (b & 0xFFFF0000u);
    to[0] = imse_sxtb16(low);
    to[1] = imse_sxtb16(high);
    to[2] = imse_sxtb16(c);
    to[3] = imse_sxtb16_high(low);
    to[4] = imse_sxtb16_high(high);
    to[5] = imse_sxtb16_high(c);
    to += 6;
    in += step;
  }
#endif
}

/* Four channels of one strip. */
typedef struct {
  int32_t pitch;          /* bytes from one output pixel to the next */
  int32_t back;           /* bytes from behind a pixel's last column to the next one's first */
  const int32_t *end;     /* columns behind the last pixel's first */
  const int32_t *weights;
  int32_t columns;        /* of the kernel, at least 3 */
  const imse_scale_t *params;
  int8_t *out;
} strip_t;

#if defined(__ARM_FEATURE_DSP)

#define IMSE_COLUMN                \
  "ldmia  r1!, {r9-r11}      \n\t" \
  "ldmia  r2!, {r7, r12, lr} \n\t" \
  "smlad  r4, r9, r7, r4     \n\t" \
  "smlad  r6, r10, r12, r6   \n\t" \
  "smlabb r4, r11, lr, r4    \n\t" \
  "smlatt r6, r11, lr, r6    \n\t" \
  "ldmia  r1!, {r9-r11}      \n\t" \
  "ldmia  r2!, {r7, r12, lr} \n\t" \
  "smlad  r5, r9, r7, r5     \n\t" \
  "smlad  r8, r10, r12, r8   \n\t" \
  "smlabb r5, r11, lr, r5    \n\t" \
  "smlatt r8, r11, lr, r8    \n\t"

#define IMSE_FINISH(sum, place)             \
  "ldmia  r2!, {r9-r12}               \n\t" \
  "smmlar r11, " sum ", r10, r11      \n\t" \
  "add    r11, r11, " sum ", asr #31  \n\t" \
  "asr    r11, r11, r12               \n\t" \
  "ssat   r11, #8, r11                \n\t" \
  "strb   r11, [r3, #" place "]       \n\t"

/* In assembly as a whole: it takes all registers. The sums are in r4, r5, r6 and r8. */
static void __attribute__((noinline)) four_channels(strip_t *strip, const int32_t *column) {
  register strip_t *r0 __asm__("r0") = strip;
  register const int32_t *r1 __asm__("r1") = column;
  __asm__ volatile(
      "1:                         \n\t"
      "ldrd   r2, r3, [r0, #12]   \n\t" /* weights, columns */
      "ldmia  r2!, {r4-r6, r8}    \n\t" /* biases */
      "subs   r3, #2              \n\t" IMSE_COLUMN IMSE_COLUMN
      "2:                         \n\t" IMSE_COLUMN
      "subs   r3, #1              \n\t"
      "bne    2b                  \n\t"
      "ldrd   r2, r3, [r0, #20]   \n\t" /* params, out */
      IMSE_FINISH("r4", "0") IMSE_FINISH("r5", "1") IMSE_FINISH("r6", "2") IMSE_FINISH("r8", "3")
      "ldmia  r0, {r9-r11}        \n\t" /* pitch, back, end */
      "add    r3, r9              \n\t"
      "str    r3, [r0, #24]       \n\t"
      "sub    r1, r10             \n\t"
      "cmp    r1, r11             \n\t"
      "bne    1b                  \n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

/* The same for three columns. */
static void __attribute__((noinline)) three_columns(strip_t *strip, const int32_t *column) {
  register strip_t *r0 __asm__("r0") = strip;
  register const int32_t *r1 __asm__("r1") = column;
  __asm__ volatile(
      "ldr    r3, [r0, #24]       \n\t" /* out */
      "1:                         \n\t"
      "ldr    r2, [r0, #12]       \n\t" /* weights */
      "ldmia  r2!, {r4-r6, r8}    \n\t" IMSE_COLUMN IMSE_COLUMN IMSE_COLUMN
      "ldr    r2, [r0, #20]       \n\t" /* params */
      IMSE_FINISH("r4", "0") IMSE_FINISH("r5", "1") IMSE_FINISH("r6", "2") IMSE_FINISH("r8", "3")
      "ldmia  r0, {r9-r11}        \n\t" /* pitch, back, end */
      "add    r3, r9              \n\t"
      "sub    r1, r10             \n\t"
      "cmp    r1, r11             \n\t"
      "bne    1b                  \n\t"
      "str    r3, [r0, #24]       \n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

#undef IMSE_COLUMN
#undef IMSE_FINISH

#else

static void four_channels(strip_t *strip, const int32_t *column) {
  const imse_scale_t *const q = strip->params;
  for (; column != strip->end; column += 6) {
    const int32_t *x = column;
    const int32_t *w = strip->weights + 4;
    int32_t sum[4];
    memcpy(sum, strip->weights, sizeof sum);
    for (int32_t i = 0; i < strip->columns; ++i) {
      sum[0] = imse_smlabb(x[2], w[2], imse_smlad(x[0], w[0], sum[0]));
      sum[2] = imse_smlatt(x[2], w[2], imse_smlad(x[1], w[1], sum[2]));
      sum[1] = imse_smlabb(x[5], w[5], imse_smlad(x[3], w[3], sum[1]));
      sum[3] = imse_smlatt(x[5], w[5], imse_smlad(x[4], w[4], sum[3]));
      x += 6;
      w += 6;
    }
    for (int32_t i = 0; i < 4; ++i) {
      strip->out[i] = imse_scale_s8(sum[i], q[i].mantissa, q[i].add, q[i].shift);
    }
    strip->out += strip->pitch;
  }
}

static void three_columns(strip_t *strip, const int32_t *column) {
  four_channels(strip, column);
}

#endif

void imse_dwconv3_s8_dsp(const imse_dwconv3_dsp_t *p, const int8_t *const *row, int8_t *out) {
  const int32_t columns = p->columns;
  strip_t strip = {.pitch = p->out_pitch,
                   .back = 24 * (columns - 1),
                   .weights = p->weights,
                   .columns = columns,
                   .params = p->params};
  for (int32_t c = 0; c < p->channels; c += 4) {
    strip.out = out + c;
    for (int32_t x = 0; x < p->pixels; x += p->strip) {
      const int32_t left = p->pixels - x;
      const int32_t n = left < p->strip ? left : p->strip;
      expand_columns(row, x * p->step + c, p->step, n + columns - 1, p->scratch);
      strip.end = p->scratch + 6 * n;
      (columns == 3 ? three_columns : four_channels)(&strip, p->scratch);
    }
    strip.weights += 4 + 6 * columns;
    strip.params += 4;
  }
}
