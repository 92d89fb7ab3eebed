#include "imse_conv_s8_dsp.h"

#include <stddef.h>

#include "imse_dot.h"

static inline int32_t *expand_words(uint32_t first, uint32_t second, int32_t *to) {
  to[0] = imse_sxtb16(first);
  to[1] = imse_sxtb16_high(first);
  to[2] = imse_sxtb16(second);
  to[3] = imse_sxtb16_high(second);
  return to + 4;
}

/* Whole quads of two pixels; returns the place behind them. */
static inline int32_t *expand_quads(const int8_t *first, const int8_t *second, int32_t quads,
                                    int32_t *to) {
#if defined(__ARM_FEATURE_DSP)
  if (quads > 0) {
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
  }
#else
  for (; quads > 0; --quads) {
    to = expand_words(imse_load4(first), imse_load4(second), to);
    first += 4;
    second += 4;
  }
#endif
  return to;
}

/* Expands one run of two pixels; returns the place behind it. */
static int32_t *expand(const int8_t *first, const int8_t *second, int32_t run, int32_t *to) {
  to = expand_quads(first, second, run >> 2, to);
  const int32_t done = run & ~3;
  if (done < run) {
    uint32_t a = 0;
    uint32_t b = 0;
    for (int32_t i = 0; done + i < run; ++i) {
      a |= (uint32_t)(uint8_t)first[done + i] << (8 * i);
      b |= (uint32_t)(uint8_t)second[done + i] << (8 * i);
    }
    to = expand_words(a, b, to);
  }
  return to;
}

/* All channels of two pixels. */
typedef struct {
  const int32_t *x;      /* expanded inputs */
  const int32_t *x_end;
  const int8_t *tables;  /* first channel's table, at the result for 0 */
  int32_t table_step;
  int8_t *first;         /* results of the first pixel */
  int8_t *second;
  const int8_t *end;     /* behind the results of the first pixel */
  const int32_t *weights;
} two_pixels_t;

#if defined(__ARM_FEATURE_DSP)

/* Four values of two pixels times those of two channels. */
#define IMSE_QUAD            \
  "ldmia r0!, {r5-r8}  \n\t"                                                                      \
  "ldmia r1!, {r9-r12} \n\t"                                                                      \
  "smlad r2, r5, r9, r2  \n\t"                                                                    \
  "smlad r4, r7, r9, r4  \n\t"                                                                    \
  "smlad r2, r6, r10, r2 \n\t"                                                                    \
  "smlad r4, r8, r10, r4 \n\t"                                                                    \
  "smlad r3, r5, r11, r3 \n\t"                                                                    \
  "smlad lr, r7, r11, lr \n\t"                                                                    \
  "smlad r3, r6, r12, r3 \n\t"                                                                    \
  "smlad lr, r8, r12, lr \n\t"

/* One channel: the sums of both pixels to bytes. */
#define IMSE_ROUND(a, b)                 \
  "ldmia  r1!, {r8-r10}            \n\t"                                                          \
  "smmlar r7, " a ", r8, r9        \n\t"                                                          \
  "smmlar r9, " b ", r8, r9        \n\t"                                                          \
  "add    r7, r7, " a ", asr #31   \n\t"                                                          \
  "add    r9, r9, " b ", asr #31   \n\t"                                                          \
  "asr    r7, r7, r10              \n\t"                                                          \
  "asr    r9, r9, r10              \n\t"                                                          \
  "ssat   r7, #8, r7               \n\t"                                                          \
  "ssat   r9, #8, r9               \n\t"

#define IMSE_STORE              \
  "strb   r7, [r5], #1    \n\t"                                                                   \
  "strb   r9, [r6], #1    \n\t"

#define IMSE_LOOK_UP            \
  "ldrsb  r7, [r11, r7]   \n\t"                                                                   \
  "ldrsb  r9, [r11, r9]   \n\t"                                                                   \
  "add    r11, r12        \n\t"

/* In assembly as a whole: it takes all registers. The sums are in r2, r3 (first pixel), r4 and lr;
 * the loop over quads is entered so that it ends after a whole round. */
#define IMSE_TWO_PIXELS(before, look_up, after)                                                   \
  "ldmia r0, {r1-r8}          \n\t"                                                               \
  "adr   r9, 3f               \n\t"                                                               \
  "adr   r10, 4f              \n\t"                                                               \
  "sub   r10, r10, r9         \n\t" /* bytes of one quad */                                       \
  "sub   r11, r1, r2          \n\t"                                                               \
  "ubfx  r11, r11, #4, #2     \n\t" /* quads to leave out of the first round */                   \
  "mla   r9, r10, r11, r9     \n\t"                                                               \
  "orr   r9, r9, #1           \n\t"                                                               \
  "push  {r1-r7, r9}          \n\t"                                                               \
  "mov   r1, r8               \n\t"                                                               \
  "1:                         \n\t"                                                               \
  "ldrd  r2, r3, [r1], #8     \n\t"                                                               \
  "ldr   r0, [sp, #0]         \n\t"                                                               \
  "mov   r4, r2               \n\t"                                                               \
  "mov   lr, r3               \n\t"                                                               \
  "ldr   pc, [sp, #28]        \n\t"                                                               \
  ".balign 4                  \n\t"                                                               \
  "3:                         \n\t" IMSE_QUAD                                                     \
  "4:                         \n\t" IMSE_QUAD IMSE_QUAD IMSE_QUAD                                 \
  "ldr   r5, [sp, #4]         \n\t"                                                               \
  "cmp   r0, r5               \n\t"                                                               \
  "bne   3b                   \n\t"                                                               \
  "ldrd  r5, r6, [sp, #16]    \n\t" before                                                        \
  IMSE_ROUND("r2", "r4") look_up IMSE_STORE IMSE_ROUND("r3", "lr") look_up IMSE_STORE after       \
  "strd  r5, r6, [sp, #16]    \n\t"                                                               \
  "ldr   r7, [sp, #24]        \n\t"                                                               \
  "cmp   r5, r7               \n\t"                                                               \
  "bne   1b                   \n\t"                                                               \
  "add   sp, #32              \n\t"

#define IMSE_ALL_REGISTERS                                                                     \
  "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"

static void __attribute__((noinline)) two_pixels(const two_pixels_t *pixels) {
  register const two_pixels_t *r0 __asm__("r0") = pixels;
  __asm__ volatile(IMSE_TWO_PIXELS("", "", "") : "+r"(r0) : : IMSE_ALL_REGISTERS);
}

static void __attribute__((noinline)) two_pixels_table(const two_pixels_t *pixels) {
  register const two_pixels_t *r0 __asm__("r0") = pixels;
  __asm__ volatile(IMSE_TWO_PIXELS("ldrd r11, r12, [sp, #8] \n\t", IMSE_LOOK_UP,
                                   "str  r11, [sp, #8]      \n\t")
                   : "+r"(r0)
                   :
                   : IMSE_ALL_REGISTERS);
}

#else

static int8_t looked_up(const int8_t *table, int32_t sum, const int32_t *q) {
  const int8_t value = imse_scale_s8(sum, q[0], q[1], q[2]);
  return table != NULL ? table[value] : value;
}

static void two_pixels_table(const two_pixels_t *pixels) {
  const int8_t *table = pixels->tables;
  int8_t *first = pixels->first;
  int8_t *second = pixels->second;
  const int32_t *w = pixels->weights;
  while (first < pixels->end) {
    int32_t sum[4] = {w[0], w[1], w[0], w[1]};
    w = imse_dot_2x2(pixels->x, w + 2, (int32_t)(pixels->x_end - pixels->x) / 4, sum);
    for (int32_t i = 0; i < 2; ++i) {
      *first++ = looked_up(table, sum[i], w);
      *second++ = looked_up(table, sum[2 + i], w);
      table = table != NULL ? table + pixels->table_step : NULL;
      w += 3;
    }
  }
}

static void two_pixels(const two_pixels_t *pixels) {
  two_pixels_t plain = *pixels;
  plain.tables = NULL;
  two_pixels_table(&plain);
}

#endif

static void convolve(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out,
                     void (*compute)(const two_pixels_t *pixels)) {
  two_pixels_t pixels = {.x = p->scratch,
                         .x_end = p->scratch + 4 * p->taps * ((p->run + 3) >> 2),
                         .tables = p->tables,
                         .table_step = p->table_step,
                         .weights = p->weights};
  for (int32_t x = 0; x < p->pixels; x += 2) {
    /* The last one of an odd number of pixels is computed twice, into the same place. */
    const int32_t two = x + 1 < p->pixels;
    const int32_t offset = x * p->step;
    int32_t *to = p->scratch;
    for (int32_t t = 0; t < p->taps; ++t) {
      const int8_t *in = tap[t] + offset;
      to = expand(in, in + (two ? p->step : 0), p->run, to);
    }
    pixels.first = out;
    pixels.second = out + (two ? p->out_pitch : 0);
    pixels.end = out + p->out_channels;
    compute(&pixels);
    out += 2 * p->out_pitch;
  }
}

void imse_conv_s8_dsp(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out) {
  convolve(p, tap, out, two_pixels);
}

void imse_conv_table_s8_dsp(const imse_conv_dsp_t *p, const int8_t *const *tap, int8_t *out) {
  convolve(p, tap, out, two_pixels_table);
}
