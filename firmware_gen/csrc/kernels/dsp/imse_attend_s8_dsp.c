#include "imse_attend_s8_dsp.h"

/* What one row needs, in the order the loads below have it. */
typedef struct {
  const int32_t *query; /* as int16, per quad of depth in the order 0 2 1 3 */
  const int32_t *query_end;
  const int32_t *weights; /* per four columns: their biases, then per quad of depth 4 times two words */
  int32_t numerator_mantissa;
  int32_t numerator_add;
  int32_t numerator_shift;
  int32_t factor;   /* doubled */
  int32_t constant; /* the numerator's zero point times it */
  int32_t attended_mantissa;
  int32_t attended_add;
  int32_t attended_shift;
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
  int32_t out_gap; /* elements from the end of four results to the next ones */
} row_t;

#if defined(__ARM_FEATURE_DSP)

#define IMSE_COLUMN(sum)                 \
  "ldrd   r8, r9, [r11], #8        \n\t" \
  "smlad  " sum ", r2, r8, " sum " \n\t" \
  "smlad  " sum ", r3, r9, " sum " \n\t"

#define IMSE_ROUND(x)                      \
  "smmlar r12, " x ", r8, r9         \n\t" \
  "add    r12, r12, " x ", asr #31   \n\t" \
  "asr    r12, r12, r10              \n\t" \
  "ssat   " x ", #8, r12             \n\t"

#define IMSE_ATTENDED(x)            \
  "mla    " x ", " x ", r11, lr \n\t"

#define IMSE_WEIGHTED(x)                   \
  "mla    lr, " x ", r2, r3          \n\t" \
  "smmlar " x ", lr, r5, r7          \n\t" \
  "add    " x ", " x ", lr, asr #31  \n\t" \
  "asr    " x ", " x ", r11          \n\t" \
  "ssat   " x ", #8, " x "           \n\t"

/* Sums of `attended` (halves of r4 and r6, times 256) and the shares in four registers. */
#define IMSE_SUMS                         \
  "smlawb r8, r2, r4, r8            \n\t" \
  "smlawt r9, r2, r4, r9            \n\t" \
  "smlawb r10, r2, r6, r10          \n\t" \
  "smlawt r12, r2, r6, r12          \n\t" \
  "ssat   r8, #8, r8, asr %[bits]   \n\t" \
  "ssat   r9, #8, r9, asr %[bits]   \n\t" \
  "ssat   r10, #8, r10, asr %[bits] \n\t" \
  "ssat   r12, #8, r12, asr %[bits] \n\t"

/* Four elements at a time; in assembly as a whole, as it takes all registers. */
static void __attribute__((noinline)) attend_row(row_t *row, int8_t *out) {
  register row_t *r0 __asm__("r0") = row;
  register int8_t *r1 __asm__("r1") = out;
  __asm__ volatile(
      "1:                            \n\t"
      "ldrd   r12, lr, [r0]          \n\t"
      "ldr    r11, [r0, #8]          \n\t"
      "ldmia  r11!, {r4-r7}          \n\t"
      "2:                            \n\t"
      "ldrd   r2, r3, [r12], #8      \n\t"
      IMSE_COLUMN("r4") IMSE_COLUMN("r5") IMSE_COLUMN("r6") IMSE_COLUMN("r7")
      "cmp    r12, lr                \n\t"
      "bne    2b                     \n\t"
      "str    r11, [r0, #8]          \n\t"
      "add    r12, r0, #12           \n\t"
      "ldmia  r12, {r8-r11, lr}      \n\t"
      IMSE_ROUND("r4") IMSE_ROUND("r5") IMSE_ROUND("r6") IMSE_ROUND("r7")
      IMSE_ATTENDED("r4") IMSE_ATTENDED("r5") IMSE_ATTENDED("r6") IMSE_ATTENDED("r7")
      "add    r12, r0, #32           \n\t"
      "ldmia  r12, {r8-r11}          \n\t"
      IMSE_ROUND("r4") IMSE_ROUND("r5") IMSE_ROUND("r6") IMSE_ROUND("r7")
      "lsl    r4, r4, #8             \n\t"
      "lsl    r6, r6, #8             \n\t"
      "pkhbt  r4, r4, r5, lsl #24    \n\t"
      "pkhbt  r6, r6, r7, lsl #24    \n\t"
      "ldmia  r11!, {r8-r10, r12}    \n\t"
      "str    r11, [r0, #44]         \n\t"
      "ldr    r2, [r0, #52]          \n\t" IMSE_SUMS
      "add    r2, r0, #56            \n\t"
      "ldmia  r2, {r2, r3, r5, r7, r11} \n\t"
      IMSE_WEIGHTED("r8") IMSE_WEIGHTED("r9") IMSE_WEIGHTED("r10") IMSE_WEIGHTED("r12")
      "ldrd   r2, r3, [r0, #76]      \n\t"
      "ldr    r8, [r3, r8, lsl #2]   \n\t"
      "ldr    r9, [r3, r9, lsl #2]   \n\t"
      "ldr    r10, [r3, r10, lsl #2] \n\t"
      "ldr    r12, [r3, r12, lsl #2] \n\t" IMSE_SUMS
      "strb   r8, [r1], #1           \n\t"
      "strb   r9, [r1], #1           \n\t"
      "strb   r10, [r1], #1          \n\t"
      "strb   r12, [r1], #1          \n\t"
      "ldr    r4, [r0, #84]          \n\t"
      "ldrd   r2, r3, [r0, #44]      \n\t"
      "add    r1, r1, r4             \n\t"
      "cmp    r2, r3                 \n\t"
      "bne    1b                     \n\t"
      : "+r"(r0), "+r"(r1)
      : [bits] "i"(IMSE_SUM_BITS)
      : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

#undef IMSE_COLUMN
#undef IMSE_ROUND
#undef IMSE_ATTENDED
#undef IMSE_WEIGHTED
#undef IMSE_SUMS

#else

static int32_t sum(int32_t attended, int32_t factor, int32_t share) {
  return imse_ssat8(imse_smlawb(factor, attended * 256, share) >> IMSE_SUM_BITS);
}

static void attend_row(row_t *row, int8_t *out) {
  const int32_t words = (int32_t)(row->query_end - row->query);
  for (int32_t j = 0; row->shares < row->end; ++j, ++row->shares) {
    const int32_t *const w = row->weights + (j >> 2) * 4 * (1 + words);
    int32_t twice = w[j & 3];
    for (int32_t i = 0; i < words; ++i) {
      twice = imse_smlad(row->query[i], w[4 + (i >> 1) * 8 + (j & 3) * 2 + (i & 1)], twice);
    }
    const int32_t numerator =
        imse_scale_s8(twice, row->numerator_mantissa, row->numerator_add, row->numerator_shift);
    const int32_t attended =
        imse_scale_s8(numerator * row->factor + row->constant, row->attended_mantissa,
                      row->attended_add, row->attended_shift);
    const int32_t away = sum(attended, row->away_factor, *row->shares);
    const int32_t weighted =
        imse_scale_s8(away * row->z + row->z_share, row->weighted_mantissa, row->weighted_add,
                      row->weighted_shift);
    *out = (int8_t)sum(attended, row->sum_factor, row->sum_shares[weighted]);
    out += (j & 3) == 3 ? 1 + row->out_gap : 1;
  }
}

#endif

/* Columns 0 and 2, or 1 and 3, of four rows as weights: a pair of rows each in `even` and `odd`.
 * Two words per column; adds the shares of the zero point that the other factor has. */
static inline void columns(const int32_t *rows, int32_t share, int32_t *bias, int32_t *to) {
  const uint32_t first = (uint32_t)rows[0];
  const uint32_t second = (uint32_t)rows[2];
  const uint32_t third = (uint32_t)rows[4];
  const uint32_t fourth = (uint32_t)rows[6];
  to[0] = (int32_t)((first & 0xFFFFu) | (third << 16));
  to[1] = (int32_t)((second & 0xFFFFu) | (fourth << 16));
  to[4] = (int32_t)((first >> 16) | (third & 0xFFFF0000u));
  to[5] = (int32_t)((second >> 16) | (fourth & 0xFFFF0000u));
  bias[0] = imse_smlad(to[0], share, imse_smlad(to[1], share, bias[0]));
  bias[2] = imse_smlad(to[4], share, imse_smlad(to[5], share, bias[2]));
}

/* Four columns of the matrix as weights, doubled; returns the place behind. */
static int32_t *pack(const imse_attend_dsp_t *p, const int8_t *in, int32_t *to) {
  const int32_t offset = imse_pair(p->matrix_offset, p->matrix_offset);
  const int32_t share = imse_pair(p->query_offset, p->query_offset);
  int32_t *const bias = to;
  memset(bias, 0, 4 * sizeof *bias);
  to += 4;
  for (int32_t left = p->depth; left > 0; left -= 4) {
    int32_t rows[8];
    for (int32_t i = 0; i < 8; i += 2) {
      const uint32_t word = imse_load4(in);
      const int32_t even = imse_sxtab16(offset, word);
      const int32_t odd = imse_sxtab16_high(offset, word);
      rows[i] = imse_sadd16(even, even);
      rows[i + 1] = imse_sadd16(odd, odd);
      in += p->matrix_pitch;
    }
    columns(rows, share, bias, to);
    columns(rows + 1, share, bias + 1, to + 2);
    to += 8;
  }
  return to;
}

/* Everything of a row that does not depend on the column. */
static void prepare(const imse_attend_dsp_t *p, int32_t bias, const int8_t *query,
                    const int8_t *plain, row_t *row) {
  int32_t *x = p->scratch;
  const int32_t *w = row->query_end;
  const int32_t *const end = w + p->depth / 2;
  while (w < end) {
    const uint32_t word = imse_load4(plain);
    const uint32_t other = imse_load4(query);
    bias = imse_smlad(imse_sxtb16(word), w[0], bias);
    bias = imse_smlad(imse_sxtb16_high(word), w[1], bias);
    x[0] = imse_sxtb16(other);
    x[1] = imse_sxtb16_high(other);
    plain += p->plain_quad;
    query += p->query_quad;
    w += 2;
    x += 2;
  }
  const imse_scale_t *const q = &p->normaliser;
  const int32_t z = imse_ssat8(imse_scale_twice(bias, q->mantissa, q->add, q->shift));
  row->factor = 2 * (p->inverse[z] - p->inverse_zero_point);
  row->constant = p->numerator_offset * row->factor;
  row->z = 2 * (z - p->z_zero_point);
  row->z_share = -p->away_zero_point * row->z;
}

void imse_attend_s8_dsp(const imse_attend_dsp_t *p, const int8_t *query, const int8_t *matrix,
                        const int8_t *plain, const int8_t *sums, const int8_t *mean, int8_t *out) {
  int32_t *const plain_weights = p->scratch + p->depth / 2;
  int32_t *const weights = plain_weights + p->depth / 2;
  int32_t *shares = weights;
  for (int32_t j = 0; j < p->n; j += 4) {
    shares = pack(p, matrix + j, shares);
  }
  for (int32_t j = 0; j < p->n; ++j) {
    shares[j] = p->away_shares[mean[j * p->mean_step]];
  }
  int32_t bias = 0;
  for (int32_t i = 0; i < p->depth; i += 4) {
    int32_t twice[4];
    for (int32_t k = 0; k < 4; ++k) {
      twice[k] = 2 * (*sums + p->sums_offset);
      bias += twice[k] * p->plain_offset;
      sums += p->sums_step;
    }
    plain_weights[i / 2] = imse_pair(twice[0], twice[2]);
    plain_weights[i / 2 + 1] = imse_pair(twice[1], twice[3]);
  }
  row_t row = {.query = p->scratch,
               .query_end = plain_weights,
               .numerator_mantissa = p->numerator.mantissa,
               .numerator_add = p->numerator.add,
               .numerator_shift = p->numerator.shift,
               .attended_mantissa = p->attended.mantissa,
               .attended_add = p->attended.add,
               .attended_shift = p->attended.shift,
               .end = shares + p->n,
               .away_factor = p->away_factor,
               .weighted_mantissa = p->weighted.mantissa,
               .weighted_add = p->weighted.add,
               .weighted_shift = p->weighted.shift,
               .sum_factor = p->sum_factor,
               .sum_shares = p->sum_shares,
               .out_gap = p->out_quad - 4};
  for (int32_t left = p->rows; left > 0; --left) {
    prepare(p, bias, query, plain, &row);
    row.weights = weights;
    row.shares = shares;
    attend_row(&row, out);
    plain += p->plain_pitch;
    query += p->query_pitch;
    out += p->out_pitch;
  }
}
