#include "imse_elementwise_mve.h"

#include "imse_pair_s16_mve.h"

static inline int16x8_t smaller(const void *p, int16x8_t a, int16x8_t b) {
  (void)p;
  return vminq_s16(a, b);
}

static inline int16x8_t larger(const void *p, int16x8_t a, int16x8_t b) {
  (void)p;
  return vmaxq_s16(a, b);
}

void imse_minimum_s16_mve(const imse_grid_t *g, const int16_t *a, const int16_t *b, int16_t *out) {
  imse_pair_rows_mve(smaller, 0, g, a, b, out);
}

void imse_maximum_s16_mve(const imse_grid_t *g, const int16_t *a, const int16_t *b, int16_t *out) {
  imse_pair_rows_mve(larger, 0, g, a, b, out);
}

static inline int8x16_t smaller_s8(int8x16_t a, int8x16_t b) { return vminq_s8(a, b); }

static inline int8x16_t larger_s8(int8x16_t a, int8x16_t b) { return vmaxq_s8(a, b); }

/* Values that lie further apart: a gather has 8 lanes, as its distances need 16 bits. */
static inline __attribute__((always_inline)) void apart(
    int16x8_t (*one)(const void *p, int16x8_t a, int16x8_t b), const imse_grid_t *g,
    const int8_t *a, const int8_t *b, int8_t *out) {
  const uint16x8_t a_steps = imse_steps_mve(g->a_step);
  const uint16x8_t b_steps = imse_steps_mve(g->b_step);
  for (int32_t i = 0; i < g->n; i += 8) {
    const mve_pred16_t lanes = vctp16q((uint32_t)(g->n - i));
    const int16x8_t x = imse_load8_mve(a + i * g->a_step, a_steps, lanes);
    const int16x8_t y = imse_load8_mve(b + i * g->b_step, b_steps, lanes);
    vstrbq_p_s16(out + i, one(0, x, y), lanes);
  }
}

static inline __attribute__((always_inline)) void rows_s8(
    int8x16_t (*one)(int8x16_t a, int8x16_t b),
    int16x8_t (*one_apart)(const void *p, int16x8_t a, int16x8_t b), const imse_grid_t *g,
    const int8_t *a, const int8_t *b, int8_t *out) {
  int8_t a_value[16];
  int8_t b_value[16];
  for (int32_t r = g->rows; r > 0; --r) {
    if (g->a_step > 1 || g->b_step > 1) {
      apart(one_apart, g, a, b, out);
    } else {
      const int8_t *x = a;
      const int8_t *y = b;
      int8_t *to = out;
      if (g->a_step == 0) {
        vstrbq_s8(a_value, vdupq_n_s8(*a));
        x = a_value;
      }
      if (g->b_step == 0) {
        vstrbq_s8(b_value, vdupq_n_s8(*b));
        y = b_value;
      }
      for (int32_t n = g->n; n > 0; n -= 16) {
        const mve_pred16_t lanes = vctp8q((uint32_t)n);
        vstrbq_p_s8(to, one(vldrbq_z_s8(x, lanes), vldrbq_z_s8(y, lanes)), lanes);
        x += 16 * g->a_step;
        y += 16 * g->b_step;
        to += 16;
      }
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}

void imse_minimum_s8_mve(const imse_grid_t *g, const int8_t *a, const int8_t *b, int8_t *out) {
  rows_s8(smaller_s8, smaller, g, a, b, out);
}

void imse_maximum_s8_mve(const imse_grid_t *g, const int8_t *a, const int8_t *b, int8_t *out) {
  rows_s8(larger_s8, larger, g, a, b, out);
}
