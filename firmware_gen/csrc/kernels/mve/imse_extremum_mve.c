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

static inline __attribute__((always_inline)) void rows_s8(
    int16x8_t (*one)(const void *p, int16x8_t a, int16x8_t b), const imse_grid_t *g,
    const int8_t *a, const int8_t *b, int8_t *out) {
  const uint16x8_t a_steps = imse_steps_mve(g->a_step);
  const uint16x8_t b_steps = imse_steps_mve(g->b_step);
  for (int32_t r = g->rows; r > 0; --r) {
    for (int32_t i = 0; i < g->n; i += 8) {
      const mve_pred16_t lanes = vctp16q((uint32_t)(g->n - i));
      const int16x8_t x = imse_load8_mve(a + i * g->a_step, a_steps, lanes);
      const int16x8_t y = imse_load8_mve(b + i * g->b_step, b_steps, lanes);
      vstrbq_p_s16(out + i, one(0, x, y), lanes);
    }
    a += g->a_pitch;
    b += g->b_pitch;
    out += g->out_pitch;
  }
}

void imse_minimum_s8_mve(const imse_grid_t *g, const int8_t *a, const int8_t *b, int8_t *out) {
  rows_s8(smaller, g, a, b, out);
}

void imse_maximum_s8_mve(const imse_grid_t *g, const int8_t *a, const int8_t *b, int8_t *out) {
  rows_s8(larger, g, a, b, out);
}
