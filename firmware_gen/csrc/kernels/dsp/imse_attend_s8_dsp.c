#include "imse_attend_s8_dsp.h"

/* What one row needs, in the order the loads below have it. */
typedef struct {
  int32_t mantissa; /* of the product with the factor */
  int32_t add;
  int32_t shift;
  int32_t offset; /* of the numerator, in both halves */
  int32_t factor; /* doubled */
  const int8_t *numerator;
  const int32_t *shares; /* of the means */
  const int32_t *end;    /* of the shares */
  int32_t away_factor;
  int32_t z; /* doubled */
  int32_t z_share;
  int32_t weighted_mantissa;
  int32_t weighted_add;
  int32_t weighted_shift;
  int32_t sum_factor;
  const int32_t *sum_shares;
} row_t;

#if defined(__ARM_FEATURE_DSP)

#define IMSE_ATTENDED(x)               \
  "smmlar r12, " x ", r4, r5     \n\t" \
  "add    r12, r12, " x ", asr #31 \n\t" \
  "asr    r12, r12, r6           \n\t" \
  "ssat   " x ", #8, r12         \n\t"

#define IMSE_WEIGHTED(x)                 \
  "mla    r12, " x ", r2, r3       \n\t" \
  "smmlar " x ", r12, r10, r11     \n\t" \
  "add    " x ", " x ", r12, asr #31 \n\t" \
  "asr    " x ", " x ", lr         \n\t" \
  "ssat   " x ", #8, " x "         \n\t"

/* Sums of `attended` (halves of r7 and r9, times 256) and the shares in four registers. */
#define IMSE_SUMS                      \
  "smlawb r4, r10, r7, r4        \n\t" \
  "smlawt r5, r10, r7, r5        \n\t" \
  "smlawb r6, r10, r9, r6        \n\t" \
  "smlawt r8, r10, r9, r8        \n\t" \
  "ssat   r4, #8, r4, asr %[bits] \n\t" \
  "ssat   r5, #8, r5, asr %[bits] \n\t" \
  "ssat   r6, #8, r6, asr %[bits] \n\t" \
  "ssat   r8, #8, r8, asr %[bits] \n\t"

/* Four elements at a time; in assembly as a whole, as it takes all registers. */
static void __attribute__((noinline)) attend_row(row_t *row, int8_t *out) {
  register row_t *r0 __asm__("r0") = row;
  register int8_t *r1 __asm__("r1") = out;
  __asm__ volatile(
      "1:                            \n\t"
      "ldmia  r0, {r4-r8}            \n\t"
      "ldrd   r2, r3, [r0, #20]      \n\t"
      "ldr    r9, [r2], #4           \n\t"
      "sxtab16 r10, r7, r9           \n\t"
      "sxtab16 r11, r7, r9, ror #8   \n\t"
      "smulbb r7, r10, r8            \n\t"
      "smultb r9, r10, r8            \n\t"
      "smulbb r10, r11, r8           \n\t"
      "smultb r11, r11, r8           \n\t"
      IMSE_ATTENDED("r7") IMSE_ATTENDED("r10") IMSE_ATTENDED("r9") IMSE_ATTENDED("r11")
      "pkhbt  r7, r7, r10, lsl #16   \n\t"
      "pkhbt  r9, r9, r11, lsl #16   \n\t"
      "lsl    r7, r7, #8             \n\t"
      "lsl    r9, r9, #8             \n\t"
      "bic    r7, r7, #0x00FF00FF    \n\t"
      "bic    r9, r9, #0x00FF00FF    \n\t"
      "ldmia  r3!, {r4, r5, r6, r8}  \n\t"
      "strd   r2, r3, [r0, #20]      \n\t"
      "ldr    r10, [r0, #32]         \n\t" IMSE_SUMS
      "add    r12, r0, #36           \n\t"
      "ldmia  r12, {r2, r3, r10, r11, lr} \n\t"
      IMSE_WEIGHTED("r4") IMSE_WEIGHTED("r5") IMSE_WEIGHTED("r6") IMSE_WEIGHTED("r8")
      "ldrd   r10, r11, [r0, #56]    \n\t"
      "ldr    r4, [r11, r4, lsl #2]  \n\t"
      "ldr    r5, [r11, r5, lsl #2]  \n\t"
      "ldr    r6, [r11, r6, lsl #2]  \n\t"
      "ldr    r8, [r11, r8, lsl #2]  \n\t" IMSE_SUMS
      "strb   r4, [r1], #1           \n\t"
      "strb   r5, [r1], #1           \n\t"
      "strb   r6, [r1], #1           \n\t"
      "strb   r8, [r1], #1           \n\t"
      "ldrd   r2, r3, [r0, #24]      \n\t"
      "cmp    r2, r3                 \n\t"
      "bne    1b                     \n\t"
      : "+r"(r0), "+r"(r1)
      : [bits] "i"(IMSE_SUM_BITS)
      : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

#undef IMSE_ATTENDED
#undef IMSE_WEIGHTED
#undef IMSE_SUMS

#else

static int32_t sum(int32_t attended, int32_t factor, int32_t share) {
  return imse_ssat8(imse_smlawb(factor, attended * 256, share) >> IMSE_SUM_BITS);
}

static void attend_row(row_t *row, int8_t *out) {
  const int32_t offset = (int16_t)((uint32_t)row->offset & 0xFFFFu);
  for (; row->shares < row->end; ++row->shares) {
    const int32_t twice = (*row->numerator++ + offset) * row->factor;
    const int32_t attended = imse_scale_s8(twice, row->mantissa, row->add, row->shift);
    const int32_t away = sum(attended, row->away_factor, *row->shares);
    const int32_t weighted =
        imse_scale_s8(away * row->z + row->z_share, row->weighted_mantissa, row->weighted_add,
                      row->weighted_shift);
    *out++ = (int8_t)sum(attended, row->sum_factor, row->sum_shares[weighted]);
  }
}

#endif

void imse_attend_s8_dsp(const imse_attend_dsp_t *p, const int8_t *numerator, const int8_t *z,
                        const int8_t *mean, int8_t *out) {
  row_t row = {.mantissa = p->attended.mantissa,
               .add = p->attended.add,
               .shift = p->attended.shift,
               .offset = imse_pair(p->numerator_offset, p->numerator_offset),
               .end = p->scratch + p->n,
               .away_factor = p->away_factor,
               .weighted_mantissa = p->weighted.mantissa,
               .weighted_add = p->weighted.add,
               .weighted_shift = p->weighted.shift,
               .sum_factor = p->sum_factor,
               .sum_shares = p->sum_shares};
  for (int32_t i = 0; i < p->n; ++i) {
    p->scratch[i] = p->away_shares[mean[i * p->mean_step]];
  }
  for (int32_t left = p->rows; left > 0; --left) {
    row.factor = 2 * (p->inverse[*z] - p->inverse_zero_point);
    row.z = 2 * (*z - p->z_zero_point);
    row.z_share = -p->away_zero_point * row.z;
    row.shares = p->scratch;
    row.numerator = numerator;
    attend_row(&row, out);
    z += p->z_step;
    numerator += p->numerator_pitch;
    out += p->out_pitch;
  }
}
