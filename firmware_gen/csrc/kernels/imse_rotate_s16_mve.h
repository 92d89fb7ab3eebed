/* Rotation of neighbouring channels with Helium, from int8 through tables to int16. */
#ifndef IMSE_ROTATE_S16_MVE_H
#define IMSE_ROTATE_S16_MVE_H

#include <stdint.h>

#include "imse_fixedpoint.h"
#include "imse_rotate_s16.h"

typedef struct {
  const int16_t *plain;       /* table of what is multiplied by the cosine, from -128 on */
  const int16_t *even;        /* of what is multiplied by the sine: the second value, for the first result */
  const int16_t *odd;         /* the first value, for the second result */
  imse_multiplier_t straight; /* of the product with the cosine; shifts are right ones */
  imse_multiplier_t again;    /* of the product of that and a constant */
  imse_multiplier_t crossed;  /* of the product with the sine */
  imse_multiplier_t gathered; /* of the crossed product in the sum over both kinds of angles */
  imse_multiplier_t joined;   /* of that sum */
  imse_multiplier_t share;    /* of the operand of the last sum that has the smaller scale */
  imse_multiplier_t result;   /* of that sum */
  int32_t factor;             /* the constant */
  int32_t steps;              /* IMSE_ROTATE_… */
  int32_t pixels;
  int32_t in_step;            /* elements from one pixel to the next: 7 of them fit 16 bits */
  int32_t out_step;           /* the same */
  int32_t angle_step;         /* 1, or 0 for one angle for all pixels */
  int32_t sines;              /* elements from an angle's cosine to its sine */
} imse_rotate_s16_mve_t;

/* Rotates two channels of all pixels, by the angle whose cosine is at `angle`. */
void imse_rotate_s16_mve(const imse_rotate_s16_mve_t *p, const int16_t *angle, const int8_t *in,
                         int16_t *out);

#endif
