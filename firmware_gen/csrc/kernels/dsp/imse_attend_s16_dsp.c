#include "imse_attend_s16_dsp.h"

#include "imse_chain_dsp.h"
#include "imse_root_dsp.h"

enum { PAIRS = IMSE_HEAD_S16 / 2, COLUMNS = 4, QUAD = COLUMNS * (PAIRS + 1) };

typedef struct {
  int32_t mantissa;
  int32_t add;
  int32_t shift;
} rounding_t;

/* What one row needs, in the order the loads below have it. */
typedef struct {
  int32_t query[PAIRS];
  const int32_t *weights; /* per four columns PAIRS words each, then what is left of the means */
  const int32_t *end;
  imse_sum_scale_t numerator;
  int32_t root; /* doubled */
  rounding_t first;
  rounding_t second;
  rounding_t away_share;
  rounding_t away;
  int32_t z;
  rounding_t weighted;
  rounding_t sum_share;
  rounding_t sum;
} row_t;

static inline int32_t rounded(int64_t sum, const imse_sum_scale_t *scale) {
  const uint64_t low = (uint64_t)(uint32_t)sum * (uint32_t)scale->factor;
  const int32_t high = (int32_t)(sum >> 32) * scale->factor + (int32_t)(low >> 32);
  return imse_ssat16((high + scale->half) >> scale->shift);
}

static inline int64_t dot(const int32_t *x, const int32_t *y) {
  int64_t sum = imse_smlald(x[0], y[0], 0);
  sum = imse_smlald(x[1], y[1], sum);
  sum = imse_smlald(x[2], y[2], sum);
  return imse_smlald(x[3], y[3], sum);
}

#if defined(__ARM_FEATURE_DSP)

/* The sum of products with the query, times the factor / 2^32. */
#define IMSE_COLUMN(high)                \
  "mov    r8, #0                   \n\t" \
  "mov    r9, #0                   \n\t" \
  "ldrd   r6, r7, [r10], #8        \n\t" \
  "smlald r8, r9, r2, r6           \n\t" \
  "smlald r8, r9, r3, r7           \n\t" \
  "ldrd   r6, r7, [r10], #8        \n\t" \
  "smlald r8, r9, r4, r6           \n\t" \
  "smlald r8, r9, r5, r7           \n\t" \
  "ldr    r6, [r0, #24]            \n\t" \
  "umull  r7, r8, r8, r6           \n\t" \
  "mla    " high ", r9, r6, r8     \n\t"

#define IMSE_ROUND(x)              \
  "add    " x ", " x ", r3   \n\t" \
  "asr    " x ", " x ", r4   \n\t" \
  "ssat   " x ", #16, " x "  \n\t"

#define IMSE_PRODUCT(x)                  \
  "mul    " x ", " x ", r3         \n\t" \
  "smmlar r7, " x ", r4, r5        \n\t" \
  "add    r7, r7, " x ", asr #31   \n\t" \
  "asr    r7, r7, r6               \n\t" \
  "ssat   " x ", #16, r7           \n\t"

#define IMSE_SHARE(to, x)                        \
  "lsl    " to ", " x ", #16               \n\t" \
  "smmlar " to ", " to ", r7, r8           \n\t" \
  "add    " to ", " to ", " x ", asr #31   \n\t" \
  "asr    " to ", " to ", r9               \n\t"

#define IMSE_FROM_MEAN(x)                  \
  "ldr    r7, [r10], #4              \n\t" \
  "add    " x ", r7, " x ", lsl #1   \n\t"

#define IMSE_SCALE(x)                      \
  "smmlar r10, " x ", r7, r8         \n\t" \
  "add    r10, r10, " x ", asr #31   \n\t" \
  "asr    r10, r10, r9               \n\t" \
  "ssat   " x ", #16, r10            \n\t"

#define IMSE_TIMES_Z(x)             \
  "mul    " x ", " x ", r7    \n\t" \
  "qadd   " x ", " x ", " x " \n\t"

#define IMSE_ADD(x, weighted)                          \
  IMSE_SHARE("r10", x)                                 \
  "lsl    " weighted ", " weighted ", #15        \n\t" \
  "add    " x ", " weighted ", r10, lsl #1       \n\t"

/* Four columns at a time; in assembly as a whole, as it takes all registers. */
static void __attribute__((noinline)) attend_row(row_t *row, int16_t *out) {
  register row_t *r0 __asm__("r0") = row;
  register int16_t *r1 __asm__("r1") = out;
  __asm__ volatile(
      "1:                               \n\t"
      "ldmia  r0, {r2-r5}               \n\t"
      "ldr    r10, [r0, #16]            \n\t"
      IMSE_COLUMN("r11") IMSE_COLUMN("r12") IMSE_COLUMN("lr") IMSE_COLUMN("r2")
      "ldrd   r3, r4, [r0, #28]         \n\t"
      IMSE_ROUND("r11") IMSE_ROUND("r12") IMSE_ROUND("lr") IMSE_ROUND("r2")
      "ldrd   r3, r4, [r0, #36]         \n\t"
      "ldrd   r5, r6, [r0, #44]         \n\t"
      IMSE_PRODUCT("r11") IMSE_PRODUCT("r12") IMSE_PRODUCT("lr") IMSE_PRODUCT("r2")
      "ldrd   r4, r5, [r0, #52]         \n\t"
      "ldr    r6, [r0, #60]             \n\t"
      IMSE_PRODUCT("r11") IMSE_PRODUCT("r12") IMSE_PRODUCT("lr") IMSE_PRODUCT("r2")
      "ldrd   r7, r8, [r0, #64]         \n\t"
      "ldr    r9, [r0, #72]             \n\t"
      IMSE_SHARE("r3", "r11") IMSE_SHARE("r4", "r12") IMSE_SHARE("r5", "lr")
      IMSE_SHARE("r6", "r2")
      IMSE_FROM_MEAN("r3") IMSE_FROM_MEAN("r4") IMSE_FROM_MEAN("r5") IMSE_FROM_MEAN("r6")
      "str    r10, [r0, #16]            \n\t"
      "ldrd   r7, r8, [r0, #76]         \n\t"
      "ldr    r9, [r0, #84]             \n\t"
      IMSE_SCALE("r3") IMSE_SCALE("r4") IMSE_SCALE("r5") IMSE_SCALE("r6")
      "ldr    r7, [r0, #88]             \n\t"
      IMSE_TIMES_Z("r3") IMSE_TIMES_Z("r4") IMSE_TIMES_Z("r5") IMSE_TIMES_Z("r6")
      "ldrd   r7, r8, [r0, #92]         \n\t"
      "ldr    r9, [r0, #100]            \n\t"
      IMSE_SCALE("r3") IMSE_SCALE("r4") IMSE_SCALE("r5") IMSE_SCALE("r6")
      "ldrd   r7, r8, [r0, #104]        \n\t"
      "ldr    r9, [r0, #112]            \n\t"
      IMSE_ADD("r11", "r3") IMSE_ADD("r12", "r4") IMSE_ADD("lr", "r5") IMSE_ADD("r2", "r6")
      "ldrd   r7, r8, [r0, #116]        \n\t"
      "ldr    r9, [r0, #124]            \n\t"
      IMSE_SCALE("r11") IMSE_SCALE("r12") IMSE_SCALE("lr") IMSE_SCALE("r2")
      "pkhbt  r11, r11, r12, lsl #16    \n\t"
      "pkhbt  lr, lr, r2, lsl #16       \n\t"
      "str    r11, [r1], #4             \n\t"
      "str    lr, [r1], #4              \n\t"
      "ldrd   r2, r3, [r0, #16]         \n\t"
      "cmp    r2, r3                    \n\t"
      "bne    1b                        \n\t"
      : "+r"(r0), "+r"(r1)
      :
      : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
        "memory");
}

#undef IMSE_COLUMN
#undef IMSE_ROUND
#undef IMSE_PRODUCT
#undef IMSE_SHARE
#undef IMSE_FROM_MEAN
#undef IMSE_SCALE
#undef IMSE_TIMES_Z
#undef IMSE_ADD

#else

static inline int32_t scaled(int32_t twice, const rounding_t *scale) {
  return imse_scale_s16(twice, scale->mantissa, scale->add, scale->shift);
}

static inline int32_t share(int32_t value, const rounding_t *scale) {
  return imse_share_s16(value, scale->mantissa, scale->add, scale->shift);
}

static void attend_row(row_t *row, int16_t *out) {
  for (; row->weights < row->end; row->weights += QUAD) {
    for (int32_t j = 0; j < COLUMNS; ++j) {
      const int32_t numerator = rounded(dot(row->query, row->weights + j * PAIRS), &row->numerator);
      const int32_t attended =
          scaled(scaled(numerator * row->root, &row->first) * row->root, &row->second);
      const int32_t difference =
          2 * share(attended, &row->away_share) + row->weights[COLUMNS * PAIRS + j];
      const int32_t away = scaled(difference, &row->away);
      const int32_t weighted = scaled(imse_twice_product(row->z, away), &row->weighted);
      const int32_t total = weighted * 32768 + 2 * share(attended, &row->sum_share);
      *out++ = (int16_t)scaled(total, &row->sum);
    }
  }
}

#endif

static inline rounding_t rounding(const imse_scale_t *scale) {
  return (rounding_t){scale->mantissa, scale->add, scale->shift};
}

/* One column of a matrix as pairs of rows. */
static int32_t *pack(const int16_t *in, int32_t pitch, int32_t *to) {
  for (int32_t i = 0; i < PAIRS; ++i) {
    *to++ = imse_pair(in[0], in[pitch]);
    in += 2 * pitch;
  }
  return to;
}

/* Per head the sums, then per four columns the matrix and the means' shares with their sign. */
static void prepare(const imse_attend_s16_dsp_t *p, const int16_t *matrix, const int16_t *sums,
                    const int16_t *mean) {
  const imse_scale_t *const scale = &p->mean_share;
  int32_t *to = p->scratch;
  for (int32_t h = 0; h < p->heads; ++h) {
    to = pack(sums, p->sums_pitch, to);
    for (int32_t j = 0; j < IMSE_HEAD_S16; j += COLUMNS) {
      for (int32_t i = 0; i < COLUMNS; ++i) {
        to = pack(matrix + j + i, p->matrix_pitch, to);
      }
      for (int32_t i = 0; i < COLUMNS; ++i) {
        *to++ = -2 * imse_share_s16(*mean, scale->mantissa, scale->add, scale->shift);
        mean += p->mean_step;
      }
    }
    sums += IMSE_HEAD_S16 * p->sums_pitch + 1;
    matrix += IMSE_HEAD_S16 * (p->matrix_pitch + 1);
  }
}

void imse_attend_s16_dsp(const imse_attend_s16_dsp_t *p, const int16_t *query,
                         const int16_t *matrix, const int16_t *plain, const int16_t *sums,
                         const int16_t *mean, int16_t *out) {
  prepare(p, matrix, sums, mean);
  row_t row = {
      .numerator = p->numerator,
      .first = rounding(&p->first),
      .second = rounding(&p->second),
      .away_share = rounding(&p->away_share),
      .away = rounding(&p->away),
      .weighted = rounding(&p->weighted),
      .sum_share = rounding(&p->sum_share),
      .sum = rounding(&p->sum),
  };
  const imse_sum_scale_t normaliser = p->normaliser;
  const imse_multiplier_t root = p->root;
  for (int32_t h = 0; h < p->heads; ++h) {
    const int32_t *const head = p->scratch + h * IMSE_HEAD_SCRATCH_S16;
    row.end = head + IMSE_HEAD_SCRATCH_S16;
    for (int32_t r = 0; r < p->rows; ++r) {
      const int32_t at = h * IMSE_HEAD_S16;
      memcpy(row.query, plain + at + r * p->plain_pitch, sizeof row.query);
      row.z = rounded(dot(row.query, head), &normaliser);
      row.root = 2 * imse_root_one(&root, row.z);
      memcpy(row.query, query + at + r * p->query_pitch, sizeof row.query);
      row.weights = head + PAIRS;
      attend_row(&row, out + at + r * p->out_pitch);
    }
  }
}
