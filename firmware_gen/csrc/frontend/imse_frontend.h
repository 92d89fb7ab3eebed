/*
 * Audio front end: PCM hop -> int8 features, int8 mask and phase -> PCM hop.
 *
 * 512-point transform, hop 256, sqrt-Hann windows on both sides, running level normalisation,
 * power-law compressed complex spectrum. Single precision only, and only + - * / sqrtf: built with
 * -ffp-contract=off the same source gives the same bits on every IEEE-754 machine.
 *
 * The output hop lies one hop (256 samples) behind the input hop.
 */
#ifndef IMSE_FRONTEND_H
#define IMSE_FRONTEND_H

#include <stdint.h>

#include "imse_model_config.h"

#if IMSE_N_FFT != 512 || IMSE_HOP != 256
#error "the front end is written for a 512-point transform with a hop of 256 samples"
#endif
#if IMSE_FIRST_BIN != 1 || IMSE_BANDS != 256 || IMSE_FEATURE_CHANNELS != 3
#error "the front end feeds bins 1..256 with three channels each"
#endif
#if IMSE_FEATURE_BYTES != 768 || IMSE_MASK_BYTES != 256 || IMSE_PHASE_BYTES != 512
#error "the network's feature, mask or phase tensor has another size than the front end's"
#endif

/* Everything the front end keeps between calls; zero it only through imse_frontend_reset(). */
typedef struct {
    float work[IMSE_N_FFT];          /* scratch of one transform: 256 complex values, re im */
    float spectrum[2 * IMSE_BANDS];  /* un-normalised bins 1..256 of the current frame, re im */
    float overlap[IMSE_HOP];         /* second half of the previous output frame */
    int16_t history[IMSE_HOP];       /* previous input hop */
    float level;                     /* running mean square of the input */
    uint32_t frames;                 /* frames since reset, saturating */
} imse_frontend_t;

/* Back to the state before the first frame. */
void imse_frontend_reset(imse_frontend_t *frontend);

/*
 * Takes the next hop of IMSE_HOP samples and writes IMSE_FEATURE_BYTES features, band by band
 * (magnitude, real, imaginary part), quantized with IMSE_FEATURE_SCALE and _ZERO_POINT.
 */
void imse_frontend_analyze(imse_frontend_t *frontend, const int16_t *pcm, int8_t *features);

/*
 * Applies the mask (IMSE_MASK_BYTES) and the phase correction (IMSE_PHASE_BYTES, pairs a b) to the
 * spectrum of the last analysed frame and writes the next IMSE_HOP output samples. Call it once per
 * analysed frame.
 */
void imse_frontend_synthesize(imse_frontend_t *frontend, const int8_t *mask, const int8_t *phase,
                              int16_t *pcm);

#endif /* IMSE_FRONTEND_H */
