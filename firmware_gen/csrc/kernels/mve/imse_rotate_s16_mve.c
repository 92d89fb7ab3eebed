#include "imse_rotate_s16_mve.h"

#include "imse_mve.h"

static inline int16x8_t looked_up(const int16_t *table, uint16x8_t value) {
  return vldrhq_gather_shifted_offset_s16(table, value);
}

/* One result of eight pixels. */
static inline int16x8_t rotate(const imse_rotate_s16_mve_t *p, int16x8_t straight,
                               int16x8_t crossed) {
  if (p->steps & IMSE_ROTATE_AGAIN) {
    straight = imse_product_mve(straight, vdupq_n_s16((int16_t)p->factor), &p->again);
  }
  if (p->steps & IMSE_ROTATE_JOINS) {
    const int32x4_t even = imse_scaled_mve(vshllbq_n_s16(crossed, 15), &p->gathered);
    const int32x4_t odd = imse_scaled_mve(vshlltq_n_s16(crossed, 15), &p->gathered);
    crossed = imse_rounded_mve(even, odd, &p->joined);
  }
  const int32_t swapped = p->steps & IMSE_ROTATE_SWAPPED;
  const int16x8_t big = swapped ? crossed : straight;
  const int16x8_t small = swapped ? straight : crossed;
  const int32x4_t even = imse_scaled_mve(vshllbq_n_s16(small, 15), &p->share);
  const int32x4_t odd = imse_scaled_mve(vshlltq_n_s16(small, 15), &p->share);
  return imse_rounded_mve(vaddq_s32(even, vshllbq_n_s16(big, 14)),
                          vaddq_s32(odd, vshlltq_n_s16(big, 14)), &p->result);
}

void imse_rotate_s16_mve(const imse_rotate_s16_mve_t *p, const int16_t *angle, const int8_t *in,
                         int16_t *out) {
  const uint16x8_t places = imse_steps_mve(p->in_step);
  const uint16x8_t out_places = imse_steps_mve(p->out_step);
  const uint16x8_t angles = imse_steps_mve(p->angle_step);
  for (int32_t n = p->pixels; n > 0; n -= 8) {
    const mve_pred16_t lanes = vctp16q((uint32_t)n);
    const int16x8_t cosine = vldrhq_gather_shifted_offset_z_s16(angle, angles, lanes);
    const int16x8_t sine = vldrhq_gather_shifted_offset_z_s16(angle + p->sines, angles, lanes);
    const uint16x8_t first =
        vreinterpretq_u16_s16(vaddq_n_s16(imse_load8_mve(in, places, lanes), 128));
    const uint16x8_t second =
        vreinterpretq_u16_s16(vaddq_n_s16(imse_load8_mve(in + 1, places, lanes), 128));
    const int16x8_t x = imse_product_mve(looked_up(p->plain, first), cosine, &p->straight);
    const int16x8_t y = imse_product_mve(looked_up(p->even, second), sine, &p->crossed);
    vstrhq_scatter_shifted_offset_p_s16(out, out_places, rotate(p, x, y), lanes);
    const int16x8_t z = imse_product_mve(looked_up(p->plain, second), cosine, &p->straight);
    const int16x8_t w = imse_product_mve(looked_up(p->odd, first), sine, &p->crossed);
    vstrhq_scatter_shifted_offset_p_s16(out + 1, out_places, rotate(p, z, w), lanes);
    in += 8 * p->in_step;
    out += 8 * p->out_step;
    angle += 8 * p->angle_step;
  }
}
