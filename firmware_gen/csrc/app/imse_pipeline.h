/* One hop of noisy PCM in, one hop of enhanced PCM out: front end, network, front end. */
#ifndef IMSE_PIPELINE_H
#define IMSE_PIPELINE_H

#include <stdint.h>

#include "imse_frontend.h"

/* What the last call of imse_pipeline_process() left behind. */
typedef struct {
    int8_t features[IMSE_FEATURE_BYTES];
    int8_t mask[IMSE_MASK_BYTES];
    int8_t phase[IMSE_PHASE_BYTES];
    uint32_t network_cycles; /* cycles of the network alone */
    uint32_t frame_cycles;   /* cycles of the whole frame */
} imse_pipeline_frame_t;

extern imse_pipeline_frame_t imse_pipeline_frame;

/* Back to the state before the first frame. */
void imse_pipeline_reset(void);

/*
 * Enhances IMSE_HOP samples; the output lies one hop behind the input. input and output may be the
 * same buffer. Returns 0, or the network's error code, after which only a reset helps.
 */
int imse_pipeline_process(const int16_t *input, int16_t *output);

#endif /* IMSE_PIPELINE_H */
