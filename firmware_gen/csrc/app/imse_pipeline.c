#include "imse_pipeline.h"

#include "imse_network.h"
#include "imse_platform.h"

#define BUFFER __attribute__((section(".bss.imse_buffers"), aligned(16)))

imse_pipeline_frame_t imse_pipeline_frame BUFFER;
static imse_frontend_t frontend BUFFER;

void imse_pipeline_reset(void) {
    imse_frontend_reset(&frontend);
    imse_network_reset();
}

__attribute__((noinline)) int imse_pipeline_process(const int16_t *input, int16_t *output) {
    imse_pipeline_frame_t *frame = &imse_pipeline_frame;
    const uint32_t begin = platform_cycles();
    imse_frontend_analyze(&frontend, input, frame->features);
    const uint32_t before = platform_cycles();
    const int status = imse_network_invoke(frame->features, frame->mask, frame->phase);
    frame->network_cycles = platform_cycles() - before;
    if (status != 0) {
        return status;
    }
    imse_frontend_synthesize(&frontend, frame->mask, frame->phase, output);
    frame->frame_cycles = platform_cycles() - begin;
    return 0;
}
