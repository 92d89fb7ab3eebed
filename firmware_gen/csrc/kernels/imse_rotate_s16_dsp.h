/* Rotation of neighbouring channels, from int8 through tables to int16. */
#ifndef IMSE_ROTATE_S16_DSP_H
#define IMSE_ROTATE_S16_DSP_H

#include <stdint.h>

#include "imse_rotate_s16.h"
#include "imse_simd.h"

typedef struct {
  const int16_t *plain;  /* table of what is multiplied by the cosine, at the result for 0 */
  const int16_t *even;   /* of what is multiplied by the sine: the second value, for the first result */
  const int16_t *odd;    /* the first value, for the second result */
  imse_scale_t straight; /* of the doubled product with the cosine */
  imse_scale_t again;    /* of the doubled product of that and a constant */
  int32_t again_twice;   /* the constant, doubled */
  imse_scale_t crossed;  /* of the doubled product with the sine */
  imse_scale_t gathered; /* of the crossed product in the sum over both kinds of angles */
  imse_scale_t joined;   /* of that sum, doubled */
  imse_scale_t share;    /* of the operand of the last sum that has the smaller scale */
  imse_scale_t result;   /* of that sum, doubled */
  int32_t steps;         /* IMSE_ROTATE_… */
  int32_t pixels;
  int32_t in_step;       /* elements from one pixel to the next */
  int32_t out_step;
  int32_t angle_step;    /* words from the angle of one pixel to the next one's */
} imse_rotate_s16_dsp_t;

/* Rotates two channels of all pixels; per angle the doubled cosine and sine. */
void imse_rotate_s16_dsp(const imse_rotate_s16_dsp_t *p, const int32_t *angle, const int8_t *in,
                         int16_t *out);

#endif
