/* Sum, difference, product and squared difference of int16 values with Helium, zero points of 0, on
 * rows of elements; the steps are 1, or 0 for one value for all elements of a row. Results are
 * limited to int16; all shifts are right ones. */
#ifndef IMSE_PAIR_S16_MVE_H
#define IMSE_PAIR_S16_MVE_H

#include "imse_fixedpoint.h"
#include "imse_mve.h"

typedef struct {
  imse_multiplier_t small;
  imse_multiplier_t out;
  int32_t big_factor; /* plus or minus 2^14 */
  int32_t small_sign; /* plus or minus 1 */
} imse_sum_s16_mve_t;

/* Sum or difference; `big` is the operand with the larger scale: its multiplier is exactly one
 * half. */
void imse_sum_s16_mve(const imse_sum_s16_mve_t *p, const imse_grid_t *g, const int16_t *big,
                      const int16_t *small, int16_t *out);

/* Products. */
void imse_mul_s16_mve(const imse_multiplier_t *p, const imse_grid_t *g, const int16_t *a,
                      const int16_t *b, int16_t *out);

typedef struct {
  imse_multiplier_t small;
  imse_multiplier_t out;
} imse_square_s16_mve_t;

/* Squares of differences; the multiplier of `big` is exactly one half. */
void imse_squared_difference_s16_mve(const imse_square_s16_mve_t *p, const imse_grid_t *g,
                                     const int16_t *big, const int16_t *small, int16_t *out);

/* out = one(p, first, second), eight elements at a time, inlined: row by row, or short rows of two
 * dense operands from top to bottom. */
static inline __attribute__((always_inline)) void imse_pair_rows_mve(
    int16x8_t (*one)(const void *p, int16x8_t first, int16x8_t second), const void *p,
    const imse_grid_t *g, const int16_t *first, const int16_t *second, int16_t *out) {
  const int32_t short_rows = (g->n & 7) == 0 && g->rows > g->n >> 3;
  const int32_t down = short_rows && g->a_step != 0 && g->b_step != 0;
  const int32_t inner = down ? g->rows : g->n >> 3;
  const int32_t x_step = down ? g->a_pitch : 8 * g->a_step;
  const int32_t y_step = down ? g->b_pitch : 8 * g->b_step;
  const int32_t to_step = down ? g->out_pitch : 8;
  int16_t first_value[8];
  int16_t second_value[8];
  for (int32_t i = down ? g->n >> 3 : g->rows; i > 0; --i) {
    const int16_t *x = first;
    const int16_t *y = second;
    int16_t *to = out;
    if (g->a_step == 0) {
      vstrhq_s16(first_value, vdupq_n_s16(*first));
      x = first_value;
    }
    if (g->b_step == 0) {
      vstrhq_s16(second_value, vdupq_n_s16(*second));
      y = second_value;
    }
    for (int32_t j = inner; j > 0; --j) {
      vstrhq_s16(to, one(p, vldrhq_s16(x), vldrhq_s16(y)));
      x += x_step;
      y += y_step;
      to += to_step;
    }
    if (!down && (g->n & 7) != 0) {
      const mve_pred16_t lanes = vctp16q((uint32_t)g->n & 7u);
      vstrhq_p_s16(to, one(p, vldrhq_z_s16(x, lanes), vldrhq_z_s16(y, lanes)), lanes);
    }
    first += down ? 8 : g->a_pitch;
    second += down ? 8 : g->b_pitch;
    out += down ? 8 : g->out_pitch;
  }
}

#endif
