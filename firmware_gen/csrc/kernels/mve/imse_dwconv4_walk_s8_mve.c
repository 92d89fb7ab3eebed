#include "imse_dwconv4_s8_mve.h"

#include "imse_mve.h"

enum { LANES = 16, COLUMN_BYTES = 4 * LANES };

/* Interleaves n columns of up to 16 channels, four rows per word. */
static void interleave(const int8_t *const *row, int32_t rows, int32_t in, int32_t step,
                       int32_t channels, int32_t n, int8_t *to) {
  const int8_t *first = row[0] + in;
  const int8_t *second = row[rows > 1 ? 1 : 0] + in;
  const int8_t *third = row[rows > 2 ? 2 : 0] + in;
  const int8_t *fourth = row[rows > 3 ? 3 : 0] + in;
  __asm__ volatile(
      "vctp.8  %[channels]                \n\t"
      "dls     lr, %[n]                   \n\t"
      "1:                                 \n\t"
      "vpstttt                            \n\t"
      "vldrbt.8 q0, [%[first]]            \n\t"
      "vldrbt.8 q1, [%[second]]           \n\t"
      "vldrbt.8 q2, [%[third]]            \n\t"
      "vldrbt.8 q3, [%[fourth]]           \n\t"
      "add     %[first], %[step]          \n\t"
      "add     %[second], %[step]         \n\t"
      "add     %[third], %[step]          \n\t"
      "add     %[fourth], %[step]         \n\t"
      "vst40.8 {q0, q1, q2, q3}, [%[to]]  \n\t"
      "vst41.8 {q0, q1, q2, q3}, [%[to]]  \n\t"
      "vst42.8 {q0, q1, q2, q3}, [%[to]]  \n\t"
      "vst43.8 {q0, q1, q2, q3}, [%[to]]! \n\t"
      "le      lr, 1b                     \n\t"
      : [first] "+r"(first), [second] "+r"(second), [third] "+r"(third), [fourth] "+r"(fourth),
        [to] "+r"(to)
      : [channels] "r"(channels), [n] "r"(n), [step] "r"(step)
      : "lr", "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "p0", "cc", "memory");
}

void imse_dwconv4_walk_s8_mve(const imse_dwconv4_mve_t *p, const int8_t *const *row, int8_t *out,
                              void (*compute)(const imse_four_channels_t *four)) {
  const int32_t span = (p->columns - 1) * p->dilation;
  const int32_t weights_bytes = (p->columns > 4 ? 8 : 4) * 16 + 2 * 7 * 4;
  imse_four_channels_t four = {.weights = p->weights, .out_step = 4 * p->out_pitch};
  for (int32_t i = 0; i < 4; ++i) {
    four.offset[i] = i * p->out_pitch;
  }
  for (int32_t c = 0; c < p->channels; c += LANES) {
    const int32_t left = p->channels - c;
    const int32_t channels = left < LANES ? left : LANES;
    for (int32_t x = 0; x < p->pixels; x += p->strip) {
      /* The last strip and the last four pixels of one overlap what is there already. */
      const int32_t rest = p->pixels - x;
      const int32_t n = rest < p->strip ? rest : p->strip;
      const int32_t start = n < 4 ? p->pixels - 4 : x;
      const int32_t pixels = n < 4 ? 4 : n;
      interleave(row, p->rows, c + start * p->step, p->step, channels, pixels + span, p->scratch);
      const int8_t *const weights = four.weights;
      for (int32_t k = 0; k < channels; k += 4) {
        int8_t *const to = out + start * p->out_pitch + c + k;
        for (int32_t done = 0; done < pixels;) {
          /* Whole groups first, then one that ends with the last pixel. */
          const int32_t whole = (pixels - done) & ~3;
          const int32_t from = whole > 0 ? done : pixels - 4;
          four.groups = whole > 0 ? whole >> 2 : 1;
          four.out = to + from * p->out_pitch;
          for (int32_t i = 0; i < 4; ++i) {
            four.column[i] = p->scratch + 4 * k + (from + i * p->dilation) * COLUMN_BYTES;
          }
          compute(&four);
          done = whole > 0 ? done + whole : pixels;
        }
        four.weights += weights_bytes;
      }
      if (x + p->strip < p->pixels) {
        four.weights = weights;
      }
    }
  }
}
