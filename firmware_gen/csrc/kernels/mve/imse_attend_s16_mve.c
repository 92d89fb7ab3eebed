#include "imse_attend_s16_mve.h"

#include "imse_mve.h"
#include "imse_root_mve.h"

enum { BLOCK = 4, HALF = IMSE_HEAD_MVE / 2 }; /* rows whose roots are taken together; columns */

/* What a head's rows are multiplied by: columns of the matrix and shares of the means, even ones in
 * front of odd ones. */
typedef struct {
  int16_t columns[2][HALF][IMSE_HEAD_MVE];
  int16_t sums[IMSE_HEAD_MVE];
  int32_t means[2][HALF];
} head_t;

/* Four columns times a row, in the scale of the result and with more bits; in assembly as compilers
 * move 64-bit values about. */
static inline int32x4_t products(const int16_t (*columns)[IMSE_HEAD_MVE], int16x8_t row,
                                 imse_sum_scale_mve_t scale) {
  int32x4_t low;
  int32x4_t high;
  __asm__("vldrh.16 q2, [%[w]]                     \n\t"
          "vldrh.16 q3, [%[w], #16]                \n\t"
          "vmlaldav.s16 r4, r5, %q[row], q2        \n\t"
          "vldrh.16 q2, [%[w], #32]                \n\t"
          "vmlaldav.s16 r6, r7, %q[row], q3        \n\t"
          "vldrh.16 q3, [%[w], #48]                \n\t"
          "vmlaldav.s16 r8, r9, %q[row], q2        \n\t"
          "vmlaldav.s16 r10, r11, %q[row], q3      \n\t"
          "vmov     %q[low][2], %q[low][0], r4, r8 \n\t"
          "vmov     %q[low][3], %q[low][1], r6, r10 \n\t"
          "vmov     %q[high][2], %q[high][0], r5, r9 \n\t"
          "vmov     %q[high][3], %q[high][1], r7, r11 \n\t"
          : [low] "=&w"(low), [high] "=&w"(high)
          : [w] "r"(columns), [row] "w"(row), "m"(*(const int16_t (*)[HALF][IMSE_HEAD_MVE])columns)
          : "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "d4", "d5", "d6", "d7");
  const uint32x4_t carried =
      vmulhq_u32(vreinterpretq_u32_s32(low), vdupq_n_u32((uint32_t)scale.factor));
  const int32x4_t scaled = vmlaq_n_s32(vreinterpretq_s32_u32(carried), high, scale.factor);
  return vrshlq_n_s32(scaled, -scale.shift);
}

static void prepare(const imse_attend_s16_mve_t *p, const int16_t *matrix, const int16_t *sums,
                    const int16_t *mean, head_t *head) {
  const uint16x8_t steps = imse_steps_mve(p->matrix_pitch);
  const uint16x8_t sums_steps = imse_steps_mve(p->sums_pitch);
  for (int32_t j = 0; j < IMSE_HEAD_MVE; ++j) {
    vstrhq_s16(head->columns[j & 1][j >> 1], vldrhq_gather_shifted_offset_s16(matrix + j, steps));
    head->means[j & 1][j >> 1] =
        imse_multiply(*mean * 32768, p->mean_share.mantissa, p->mean_share.shift);
    mean += p->mean_step;
  }
  vstrhq_s16(head->sums, vldrhq_gather_shifted_offset_s16(sums, sums_steps));
}

/* Normalisers of some rows and their reciprocal roots. */
static void normalise(const imse_attend_s16_mve_t *p, const head_t *head, const int16_t *plain,
                      int32_t rows, int32_t *z, int32_t *roots) {
  int16_t queries[BLOCK][IMSE_HEAD_MVE];
  for (int32_t r = 0; r < BLOCK; ++r) {
    vstrhq_s16(queries[r], vldrhq_s16(plain));
    plain += r + 1 < rows ? p->plain_pitch : 0;
  }
  int32x4_t value = products(queries, vldrhq_s16(head->sums), p->normaliser);
  value = vminq_s32(vmaxq_s32(value, vdupq_n_s32(INT16_MIN)), vdupq_n_s32(INT16_MAX));
  const int32_t shift = p->root.shift - IMSE_ROOT_BITS;
  const int32_t left = shift > 0 ? shift : 0;
  vstrwq_s32(z, value);
  vstrwq_s32(roots, imse_root_mve(value, p->root.mantissa, left, shift - left));
}

/* One row of one head. */
static inline int16x8_t attend(const imse_attend_s16_mve_t *p, const head_t *head, int16x8_t query,
                               int32_t z, int32_t root) {
  const int16x8_t factor = vdupq_n_s16((int16_t)root);
  const int16x8_t numerator = imse_merge_mve(products(head->columns[0], query, p->numerator),
                                             products(head->columns[1], query, p->numerator));
  const int16x8_t once = imse_product_mve(numerator, factor, &p->first);
  const int16x8_t attended = imse_product_mve(once, factor, &p->second);
  const int32x4_t even = vshllbq_n_s16(attended, 15);
  const int32x4_t odd = vshlltq_n_s16(attended, 15);
  const int32x4_t even_share = imse_scaled_mve(even, &p->away_share);
  const int32x4_t odd_share = imse_scaled_mve(odd, &p->away_share);
  const int32x4_t even_away = vsubq_s32(even_share, vldrwq_s32(head->means[0]));
  const int32x4_t odd_away = vsubq_s32(odd_share, vldrwq_s32(head->means[1]));
  const int16x8_t away = imse_rounded_mve(even_away, odd_away, &p->away);
  const int16x8_t weighted = imse_product_mve(away, vdupq_n_s16((int16_t)z), &p->weighted);
  const int32x4_t even_sum = imse_scaled_mve(even, &p->sum_share);
  const int32x4_t odd_sum = imse_scaled_mve(odd, &p->sum_share);
  return imse_rounded_mve(vaddq_s32(even_sum, vshllbq_n_s16(weighted, 14)),
                          vaddq_s32(odd_sum, vshlltq_n_s16(weighted, 14)), &p->sum);
}

void imse_attend_s16_mve(const imse_attend_s16_mve_t *p, const int16_t *query,
                         const int16_t *matrix, const int16_t *plain, const int16_t *sums,
                         const int16_t *mean, int16_t *out) {
  for (int32_t h = 0; h < p->heads; ++h) {
    const int32_t at = h * IMSE_HEAD_MVE;
    head_t head;
    prepare(p, matrix + at * (p->matrix_pitch + 1), sums + at * p->sums_pitch + h * p->sums_step,
            mean + at * p->mean_step, &head);
    for (int32_t first = 0; first < p->rows; first += BLOCK) {
      const int32_t rows = p->rows - first < BLOCK ? p->rows - first : BLOCK;
      int32_t z[BLOCK];
      int32_t roots[BLOCK];
      normalise(p, &head, plain + at + first * p->plain_pitch, rows, z, roots);
      for (int32_t r = 0; r < rows; ++r) {
        const int16x8_t row = vldrhq_s16(query + at + (first + r) * p->query_pitch);
        vstrhq_s16(out + at + (first + r) * p->out_pitch, attend(p, &head, row, z[r], roots[r]));
      }
    }
  }
}
