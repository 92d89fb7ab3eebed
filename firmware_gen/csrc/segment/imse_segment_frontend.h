/*
 * Audio front end of the offline network: a segment of PCM -> integer features, integer mask and
 * phase -> PCM.
 *
 * 510-point transform, hop 100, periodic Hann windows on both sides, centred frames with the signal
 * reflected at both ends; the network sees compressed magnitude and phase of all 256 bins. Single
 * precision only, and only + - * / sqrtf: built with -ffp-contract=off the same source gives the
 * same bits on every IEEE-754 machine.
 */
#ifndef IMSE_SEGMENT_FRONTEND_H
#define IMSE_SEGMENT_FRONTEND_H

#include <stdint.h>

#include "imse_model_config.h"

#if IMSE_N_FFT != 510 || IMSE_HOP != 100 || IMSE_FIRST_BIN != 0 || IMSE_BANDS != 256
#error "the front end is written for a 510-point transform with a hop of 100 samples"
#endif
#if IMSE_FEATURE_BYTES != 64 * IMSE_FEATURE_BITS * IMSE_SEGMENT_FRAMES
#error "the network's feature tensor has another size than the front end's"
#endif
#if IMSE_MASK_BYTES != 32 * IMSE_MASK_BITS * IMSE_SEGMENT_FRAMES
#error "the network's mask tensor has another size than the front end's"
#endif
#if IMSE_PHASE_BYTES != 64 * IMSE_PHASE_BITS * IMSE_SEGMENT_FRAMES || IMSE_SEGMENT_FRAMES < 4
#error "the network's phase tensor has another size than the front end's"
#endif

/* Integers of the network's tensors, 8 or 16 bits. */
#define IMSE_INTEGER_OF(bits) int##bits##_t
#define IMSE_INTEGER(bits) IMSE_INTEGER_OF(bits)
typedef IMSE_INTEGER(IMSE_FEATURE_BITS) imse_feature_t;
typedef IMSE_INTEGER(IMSE_MASK_BITS) imse_mask_t;
typedef IMSE_INTEGER(IMSE_PHASE_BITS) imse_phase_t;

/* Samples of a segment: its frames are centred on samples 0, IMSE_HOP, 2 IMSE_HOP ... */
#define IMSE_SEGMENT_SAMPLES ((IMSE_SEGMENT_FRAMES - 1) * IMSE_HOP)

/* Gain that brings IMSE_SEGMENT_SAMPLES samples to a root mean square of one; 0 for silence. */
float imse_segment_gain(const int16_t *pcm);

/*
 * Writes IMSE_FEATURE_BYTES features, frame by frame and band by band (magnitude, phase), of
 * IMSE_SEGMENT_SAMPLES samples times gain.
 */
void imse_segment_analyze(const int16_t *pcm, float gain, imse_feature_t *features);

/*
 * Applies mask and phase to the spectrum of the segment, which is computed again, and writes
 * IMSE_SEGMENT_SAMPLES enhanced samples at the level of pcm. pcm and out must not overlap.
 */
void imse_segment_synthesize(const int16_t *pcm, float gain, const imse_mask_t *mask,
                             const imse_phase_t *phase, int16_t *out);

#endif /* IMSE_SEGMENT_FRONTEND_H */
