#include "imse_sums_mve.h"

#include "imse_mve.h"

static int32x4_t finished(const imse_mean_t *p, int32x4_t sum) {
  const int32x4_t scaled = imse_scale_any_mve(sum, p->out.mantissa, p->out.shift);
  const int32x4_t value = vaddq_n_s32(scaled, p->output_offset);
  return vminq_s32(vmaxq_s32(value, vdupq_n_s32(INT16_MIN)), vdupq_n_s32(INT16_MAX));
}

/* Four columns whose values lie behind each other; where there are fewer, the first one again. */
static void across(const imse_mean_t *p, const int16_t *in, int16_t *out) {
  for (int32_t left = p->columns; left > 0; left -= 4) {
    const int16_t *block = in;
    int32_t s0 = p->input_offset;
    int32_t s1 = s0;
    int32_t s2 = s0;
    int32_t s3 = s0;
    for (int32_t b = p->blocks; b > 0; --b) {
      const int16_t *first = block;
      const int16_t *second = block + (left > 1 ? p->column_pitch : 0);
      const int16_t *third = block + (left > 2 ? 2 * p->column_pitch : 0);
      const int16_t *fourth = block + (left > 3 ? 3 * p->column_pitch : 0);
      __asm__ volatile(
          "wlstp.16 lr, %[n], 2f          \n\t"
          "1:                             \n\t"
          "vldrh.16 q0, [%[first]], #16   \n\t"
          "vaddva.s16 %[s0], q0           \n\t"
          "vldrh.16 q0, [%[second]], #16  \n\t"
          "vaddva.s16 %[s1], q0           \n\t"
          "vldrh.16 q0, [%[third]], #16   \n\t"
          "vaddva.s16 %[s2], q0           \n\t"
          "vldrh.16 q0, [%[fourth]], #16  \n\t"
          "vaddva.s16 %[s3], q0           \n\t"
          "letp    lr, 1b                 \n\t"
          "2:                             \n\t"
          : [first] "+r"(first), [second] "+r"(second), [third] "+r"(third),
            [fourth] "+r"(fourth), [s0] "+Te"(s0), [s1] "+Te"(s1), [s2] "+Te"(s2), [s3] "+Te"(s3)
          : [n] "r"(p->rows)
          : "lr", "d0", "d1", "cc", "memory");
      block += p->block_pitch;
    }
    const int32x4_t sums = {s0, s1, s2, s3};
    vstrhq_p_s32(out, finished(p, sums), vctp32q((uint32_t)left));
    in += 4 * p->column_pitch;
    out += 4;
  }
}

void imse_mean_s16_mve(const imse_mean_t *p, const int16_t *in, int16_t *out) {
  if (p->row_pitch == 1) {
    across(p, in, out);
    return;
  }
  int32_t n = p->columns;
  if (p->column_pitch == 1) {
    for (; n >= 8; n -= 8) {
      int32x4_t first = vdupq_n_s32(p->input_offset);
      int32x4_t second = first;
      for (int32_t b = 0; b < p->blocks; ++b) {
        const int16_t *from = in + b * p->block_pitch;
        for (int32_t r = p->rows; r > 0; --r) {
          first = vaddq_s32(first, vldrhq_s32(from));
          second = vaddq_s32(second, vldrhq_s32(from + 4));
          from += p->row_pitch;
        }
      }
      vstrhq_s32(out, finished(p, first));
      vstrhq_s32(out + 4, finished(p, second));
      in += 8;
      out += 8;
    }
  }
  const uint32x4_t steps = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)p->column_pitch);
  for (; n > 0; n -= 4) {
    const mve_pred16_t lanes = vctp32q((uint32_t)n);
    int32x4_t sum = vdupq_n_s32(p->input_offset);
    for (int32_t b = 0; b < p->blocks; ++b) {
      const int16_t *from = in + b * p->block_pitch;
      for (int32_t r = p->rows; r > 0; --r) {
        sum = vaddq_s32(sum, vldrhq_gather_shifted_offset_z_s32(from, steps, lanes));
        from += p->row_pitch;
      }
    }
    vstrhq_p_s32(out, finished(p, sum), lanes);
    in += 4 * p->column_pitch;
    out += 4;
  }
}
