/* Copies between layouts. */
#ifndef IMSE_COPY_H
#define IMSE_COPY_H

#include <stdint.h>

typedef struct {
  int32_t out_pitch; /* bytes from one run to the next */
  int32_t in_pitch;
  int32_t run;       /* bytes */
  int32_t rows;
} imse_copy_t;

/* `rows` runs. */
void imse_copy_rows(const imse_copy_t *p, int8_t *out, const int8_t *in);

/* n elements that lie in_step elements apart. */
void imse_gather_s8(int8_t *out, const int8_t *in, int32_t in_step, int32_t n);
void imse_gather_s16(int16_t *out, const int16_t *in, int32_t in_step, int32_t n);

#endif
