/* Copies between layouts with Helium. */
#ifndef IMSE_COPY_MVE_H
#define IMSE_COPY_MVE_H

#include <stdint.h>

/* `rows` runs of `run` bytes, pitches in bytes. */
void imse_copy_rows_mve(int8_t *out, int32_t out_pitch, const int8_t *in, int32_t in_pitch,
                        int32_t run, int32_t rows);

/* n elements that lie in_step elements apart. */
void imse_gather_s8_mve(int8_t *out, const int8_t *in, int32_t in_step, int32_t n);

#endif
