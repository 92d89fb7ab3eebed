#include "imse_attend_s8_mve.h"

#include <stddef.h>
#include <string.h>

#include "imse_mve.h"

enum { BLOCK = 4 }; /* rows */

/* What some rows need, in the order the loads below have it. */
typedef struct {
  imse_multiplier_t numerator;
  int32_t numerator_zero_point;
  int32_t numerator_offset; /* minus the zero point */
  imse_multiplier_t attended;
  int32_t attended_zero_point;
  int32_t away_factor;
  imse_multiplier_t weighted;
  int32_t weighted_zero_point;
  int32_t away_offset;
  int32_t sum_factor;
  const int32_t *sum_shares;
  const int16_t *query; /* of the first row, without zero points */
  const int16_t *query_end;
  int32_t query_bytes;
  const int32_t *factors; /* per row the factor and z, without zero points */
  const int16_t *weights;
  int32_t n;
  int32_t out_step; /* elements from eight results to the next eight */
  int8_t *out;
  int32_t out_pitch;
  int32_t rows;
  uint16_t places[8]; /* of eight results */
} rows_t;

#define IMSE_COLUMN(add, sum)             \
  "vldrh.16 q1, [r1], #16           \n\t" \
  "vmladav" add ".s16 " sum ", q0, q1 \n\t"

/* Eights of a query times those of eight columns. */
#define IMSE_COLUMNS(add)                                              \
  "vldrh.16 q0, [r3], #16           \n\t"                              \
  IMSE_COLUMN(add, "r0") IMSE_COLUMN(add, "r2") IMSE_COLUMN(add, "r4") \
  IMSE_COLUMN(add, "r6") IMSE_COLUMN(add, "r8") IMSE_COLUMN(add, "r10") \
  IMSE_COLUMN(add, "r12") IMSE_COLUMN(add, "lr")

/* y = x * mantissa (r0) / 2^(31 - shift (r2)) + zero point (r4), saturated; changes x. */
#define IMSE_SCALE(x, y)                  \
  "vshr.s32 " y ", " x ", #31       \n\t" \
  "vqrdmlah.s32 " y ", " x ", r0    \n\t" \
  "vrshl.s32 " y ", r2              \n\t" \
  "vadd.i32 " y ", " y ", r4        \n\t" \
  "vqshl.s32 " y ", " y ", #24      \n\t" \
  "vshr.s32 " y ", " y ", #24       \n\t"

/* x = (x + r6) * y. */
#define IMSE_PRODUCT(x, y)                \
  "vadd.i32 " x ", " x ", r6        \n\t" \
  "vmul.i32 " x ", " x ", " y "     \n\t"

/* Eight elements at a time, even ones and odd ones in one register each; in assembly as a whole, as
 * it takes all registers. */
static void __attribute__((noinline)) attend_rows(rows_t *rows) {
  register rows_t *r7 __asm__("r7") = rows;
  __asm__ volatile(
      "ldr      r11, [r7, %[query] + 4]   \n\t"
      "4:                                 \n\t"
      "ldrd     r8, r1, [r7, %[factors]]  \n\t" /* and weights */
      "ldr      r9, [r7, %[n]]            \n\t"
      "ldr      r5, [r7, %[out]]          \n\t"
      "ldrd     r0, r2, [r8], #8          \n\t"
      "str      r8, [r7, %[factors]]      \n\t"
      "vdup.32  q5, r0                    \n\t"
      "vdup.32  q6, r2                    \n\t"
      "1:                                 \n\t"
      "ldr      r3, [r7, %[query]]        \n\t" IMSE_COLUMNS("")
      "cmp      r3, r11                   \n\t"
      "beq      3f                        \n\t"
      "2:                                 \n\t" IMSE_COLUMNS("a")
      "cmp      r3, r11                   \n\t"
      "bne      2b                        \n\t"
      "3:                                 \n\t"
      "vmov     q1[2], q1[0], r0, r8      \n\t"
      "vmov     q1[3], q1[1], r4, r12     \n\t"
      "vmov     q2[2], q2[0], r2, r10     \n\t"
      "vmov     q2[3], q2[1], r6, lr      \n\t"
      "mov      r8, r7                    \n\t"
      "ldmia    r8!, {r0, r2, r4, r6}     \n\t" IMSE_SCALE("q1", "q3")
      IMSE_SCALE("q2", "q4") IMSE_PRODUCT("q3", "q5") IMSE_PRODUCT("q4", "q5")
      "ldmia    r8!, {r0, r2, r4, r6}     \n\t" IMSE_SCALE("q3", "q1")
      IMSE_SCALE("q4", "q2")
      "vshl.i32 q1, q1, #23               \n\t" /* `attended`, times 2^23 */
      "vshl.i32 q2, q2, #23               \n\t"
      "vldrw.32 q0, [r1], #16             \n\t"
      "vqdmulh.s32 q3, q1, r6             \n\t"
      "vldrw.32 q7, [r1], #16             \n\t"
      "vqdmulh.s32 q4, q2, r6             \n\t"
      "vadd.i32 q3, q3, q0                \n\t"
      "vadd.i32 q4, q4, q7                \n\t"
      "vqshl.s32 q3, q3, #2               \n\t"
      "vqshl.s32 q4, q4, #2               \n\t"
      "vshr.s32 q3, q3, #24               \n\t"
      "vshr.s32 q4, q4, #24               \n\t"
      "ldmia    r8, {r0, r2, r4, r6, r10, r12} \n\t" IMSE_PRODUCT("q3", "q6")
      IMSE_PRODUCT("q4", "q6") IMSE_SCALE("q3", "q0") IMSE_SCALE("q4", "q7")
      "vldrw.32 q3, [r12, q0, uxtw #2]    \n\t"
      "vldrw.32 q4, [r12, q7, uxtw #2]    \n\t"
      "vqdmulh.s32 q1, q1, r10            \n\t"
      "vqdmulh.s32 q2, q2, r10            \n\t"
      "vldrh.16 q0, [r7, %[places]]       \n\t"
      "vadd.i32 q3, q3, q1                \n\t"
      "vadd.i32 q4, q4, q2                \n\t"
      "vshrnb.i32 q3, q3, #16             \n\t"
      "vshrnt.i32 q3, q4, #16             \n\t"
      "ldr      r6, [r7, %[n] + 4]        \n\t"
      "vqrshrnb.s16 q3, q3, #6            \n\t"
      "vctp.16  r9                        \n\t"
      "vpst                               \n\t"
      "vstrbt.16 q3, [r5, q0]             \n\t"
      "add      r5, r5, r6                \n\t"
      "subs     r9, r9, #8                \n\t"
      "bgt      1b                        \n\t"
      "ldrd     r0, r2, [r7, %[out]]      \n\t"
      "ldr      r4, [r7, %[query] + 8]    \n\t"
      "ldr      r6, [r7, %[out] + 8]      \n\t"
      "add      r0, r0, r2                \n\t"
      "str      r0, [r7, %[out]]          \n\t"
      "str      r11, [r7, %[query]]       \n\t"
      "add      r11, r11, r4              \n\t"
      "subs     r6, r6, #1                \n\t"
      "str      r6, [r7, %[out] + 8]      \n\t"
      "bne      4b                        \n\t"
      :
      : "r"(r7), [query] "i"(offsetof(rows_t, query)), [factors] "i"(offsetof(rows_t, factors)),
        [n] "i"(offsetof(rows_t, n)), [out] "i"(offsetof(rows_t, out)),
        [places] "i"(offsetof(rows_t, places))
      : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "d0",
        "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12", "d13", "d14",
        "d15", "cc", "memory");
}

#undef IMSE_COLUMN
#undef IMSE_COLUMNS
#undef IMSE_SCALE
#undef IMSE_PRODUCT

/* Places of eight elements that lie behind each other by fours. */
static uint16x8_t by_fours(int32_t quad) {
  const uint16x8_t place = vidupq_n_u16(0, 1);
  const uint16x8_t which = vandq_u16(place, vdupq_n_u16(3));
  return vmlaq_n_u16(which, vshrq_n_u16(place, 2), (uint16_t)quad);
}

/* The matrix as weights, eight columns at a time, and behind them the shares of their means. What
 * lies in columns and rows that are not there reaches no result. */
static void pack(const imse_attend_mve_t *p, const int8_t *matrix, const int8_t *mean,
                 int16_t *to) {
  const int32_t depth = (p->depth + 7) & ~7;
  const uint16x8_t steps = imse_steps_mve(p->matrix_pitch);
  for (int32_t j = 0; j < p->n; j += 8) {
    int32_t *const shares = (int32_t *)(void *)(to + 8 * depth);
    for (int32_t i = 0; i < 8 && j + i < p->n; ++i) {
      imse_widen_mve(matrix, steps, 8 * p->matrix_pitch, p->matrix_offset, p->depth, to + 8 * i,
                     128);
      shares[(i >> 1) + (i & 1) * 4] = p->away_shares[*mean];
      ++matrix;
      mean += p->mean_step;
    }
    to += 8 * depth + 16;
  }
}

/* Normaliser of a row, a plain sum. */
static inline int32_t product(const int16_t *weights, const int8_t *plain, uint16x8_t places,
                              int32_t step, int32_t offset, int32_t depth) {
  int32_t sum = 0;
  __asm__ volatile(
      "wlstp.16 lr, %[depth], 2f            \n\t"
      "1:                                   \n\t"
      "vldrb.s16 q0, [%[plain], %q[places]] \n\t"
      "vldrh.16 q1, [%[weights]], #16       \n\t"
      "vadd.i16 q0, q0, %[offset]           \n\t"
      "vmladava.s16 %[sum], q0, q1          \n\t"
      "add      %[plain], %[plain], %[step] \n\t"
      "letp     lr, 1b                      \n\t"
      "2:                                   \n\t"
      : [plain] "+r"(plain), [weights] "+r"(weights), [sum] "+Te"(sum)
      : [places] "w"(places), [step] "r"(step), [offset] "r"(offset), [depth] "r"(depth)
      : "lr", "d0", "d1", "d2", "d3", "cc", "memory");
  return sum;
}

/* Factors and normalisers of rows from their plain sums, without zero points. */
static void normalise(const imse_attend_mve_t *p, const int32_t *sums, int32_t *factors) {
  const imse_multiplier_t q = p->normaliser;
  int32x4_t z = imse_scale_mve(vldrwq_s32(sums), q.mantissa, q.shift);
  z = vshrq_n_s32(vqshlq_n_s32(vaddq_n_s32(z, p->z_zero_point), 24), 24);
  const int32x4_t factor = vldrbq_gather_offset_s32(p->inverse, vreinterpretq_u32_s32(z));
  int32x4x2_t both;
  both.val[0] = vsubq_n_s32(factor, p->inverse_zero_point);
  both.val[1] = vsubq_n_s32(z, p->z_zero_point);
  vst2q_s32(factors, both);
}

void imse_attend_s8_mve(const imse_attend_mve_t *p, const int8_t *query, const int8_t *matrix,
                        const int8_t *plain, const int8_t *sums, const int8_t *mean, int8_t *out) {
  const int32_t depth = (p->depth + 7) & ~7;
  int16_t *const queries = p->scratch;
  int16_t *const plain_weights = queries + BLOCK * depth;
  int16_t *const weights = plain_weights + depth;
  const uint16x8_t query_places = by_fours(p->query_quad);
  const uint16x8_t plain_places = by_fours(p->plain_quad);
  memset(queries, 0, (size_t)(BLOCK * depth) * sizeof *queries);
  imse_widen_mve(sums, imse_steps_mve(p->sums_step), 8 * p->sums_step, p->sums_offset, p->depth,
                 plain_weights, 16);
  pack(p, matrix, mean, weights);
  int32_t factors[2 * BLOCK];
  rows_t rows = {.numerator = p->numerator,
                 .numerator_zero_point = p->numerator_zero_point,
                 .numerator_offset = -p->numerator_zero_point,
                 .attended = p->attended,
                 .attended_zero_point = p->attended_zero_point,
                 .away_factor = p->away_factor,
                 .weighted = p->weighted,
                 .weighted_zero_point = p->weighted_zero_point,
                 .away_offset = -p->away_zero_point,
                 .sum_factor = p->sum_factor,
                 .sum_shares = p->sum_shares,
                 .query_end = queries + depth,
                 .query_bytes = 2 * depth,
                 .weights = weights,
                 .n = p->n,
                 .out_step = 2 * p->out_quad,
                 .out = out,
                 .out_pitch = p->out_pitch};
  vstrhq_u16(rows.places, by_fours(p->out_quad));
  for (int32_t left = p->rows; left > 0; left -= BLOCK) {
    int32_t plain_sums[BLOCK] = {0};
    rows.rows = left < BLOCK ? left : BLOCK;
    for (int32_t r = 0; r < rows.rows; ++r) {
      imse_widen_mve(query, query_places, 2 * p->query_quad, p->query_offset, p->depth,
                     queries + r * depth, 16);
      plain_sums[r] = product(plain_weights, plain, plain_places, 2 * p->plain_quad,
                              p->plain_offset, p->depth);
      query += p->query_pitch;
      plain += p->plain_pitch;
    }
    normalise(p, plain_sums, factors);
    rows.query = queries;
    rows.factors = factors;
    attend_rows(&rows);
  }
}
