/* One segment of noisy PCM in, the enhanced segment out: front end, network, front end. */
#ifndef IMSE_SEGMENT_H
#define IMSE_SEGMENT_H

#include <stdint.h>

#include "imse_segment_frontend.h"

typedef struct {
    int16_t input[IMSE_SEGMENT_SAMPLES];
    int16_t output[IMSE_SEGMENT_SAMPLES];
    imse_feature_t features[IMSE_FEATURE_BYTES / sizeof(imse_feature_t)];
    imse_mask_t mask[IMSE_MASK_BYTES / sizeof(imse_mask_t)];
    imse_phase_t phase[IMSE_PHASE_BYTES / sizeof(imse_phase_t)];
    uint64_t network_cycles; /* cycles of the network alone */
    uint64_t segment_cycles; /* cycles of the whole segment */
} imse_segment_t;

extern imse_segment_t imse_segment;

/* Back to silence. */
void imse_segment_reset(void);

/*
 * Enhances imse_segment.input into imse_segment.output. gain brings the samples to a root mean
 * square of one, measured over the whole recording where that is known; 0 measures the segment.
 * Returns 0, IMSE_SEGMENT_BAD_GAIN, or the network's error code.
 */
int imse_segment_process(float gain);

/* No recording has another gain: 1 for a square wave at full scale, 2^27 for one bit in 17 min. */
#define IMSE_SEGMENT_GAIN_MIN 0.5f
#define IMSE_SEGMENT_GAIN_MAX 1073741824.0f
#define IMSE_SEGMENT_BAD_GAIN (-1000)

/*
 * Called again and again while the network works, with the layers done and in all, at most every
 * IMSE_SEGMENT_PROGRESS_MS. The default (weak) does nothing.
 */
void imse_segment_progress(uint32_t done, uint32_t all);

#define IMSE_SEGMENT_PROGRESS_MS 500u

#endif /* IMSE_SEGMENT_H */
