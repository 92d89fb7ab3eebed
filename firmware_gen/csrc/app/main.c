#include "imse_model_config.h"
#include "imse_platform.h"
#include "imse_service.h"

#if IMSE_SEGMENT_FRAMES

/* Segments come and go over the UART alone. */
static int imse_audio_init(void) {
    return 0;
}

static void serve_audio(void) {
}

#else

#include <string.h>

#include "imse_audio.h"
#include "imse_pipeline.h"

/* Enhances one recorded hop; plays silence when the host uses the pipeline or the network fails. */
static void serve_audio(void) {
    const int16_t *input;
    int16_t *output;
    if (!imse_audio_take(&input, &output)) {
        return;
    }
    if (imse_service_active() || imse_pipeline_process(input, output) != 0) {
        memset(output, 0, IMSE_HOP * sizeof *output);
    }
    imse_audio_done();
}

#endif

int main(void) {
    platform_init();
    imse_service_init();
    const int audio = imse_audio_init();
    for (;;) {
        platform_watchdog_feed();
        if (audio) {
            serve_audio();
        }
        imse_service_poll();
    }
}
