#include "imse_segment.h"

#include <string.h>

#include "imse_network.h"
#include "imse_network_progress.h"
#include "imse_platform.h"

imse_segment_t imse_segment __attribute__((section(".bss.imse_buffers"), aligned(16)));

/* The processor's counter wraps within a long segment: it is read often and summed in 64 bits. */
static struct {
    uint64_t total;
    uint32_t last;
    uint32_t reported; /* count at the last call of imse_segment_progress() */
} clock;

static uint64_t cycles(void) {
    const uint32_t now = platform_cycles();
    clock.total += now - clock.last;
    clock.last = now;
    return clock.total;
}

__attribute__((weak)) void imse_segment_progress(uint32_t done, uint32_t all) {
    (void)done;
    (void)all;
}

void imse_network_progress(uint32_t done, uint32_t all) {
    (void)cycles();
    if (clock.last - clock.reported > platform_clock_hz() / 1000u * IMSE_SEGMENT_PROGRESS_MS) {
        clock.reported = clock.last;
        platform_watchdog_feed();
        imse_segment_progress(done, all);
    }
}

void imse_segment_reset(void) {
    memset(&imse_segment, 0, sizeof imse_segment);
    imse_network_reset();
}

__attribute__((noinline)) int imse_segment_process(float gain) {
    imse_segment_t *s = &imse_segment;
    clock.last = clock.reported = platform_cycles();
    const uint64_t begin = cycles();
    if (gain == 0.0f) {
        gain = imse_segment_gain(s->input);
    } else if (!(gain >= IMSE_SEGMENT_GAIN_MIN && gain <= IMSE_SEGMENT_GAIN_MAX)) {
        return IMSE_SEGMENT_BAD_GAIN; /* among them what is no number */
    }
    if (gain == 0.0f) {
        memset(s->output, 0, sizeof s->output);
        s->network_cycles = 0;
        s->segment_cycles = cycles() - begin;
        return 0;
    }
    imse_segment_analyze(s->input, gain, s->features);
    const uint64_t before = cycles();
    const int status = imse_network_invoke((const int8_t *)s->features, (int8_t *)s->mask,
                                           (int8_t *)s->phase);
    s->network_cycles = cycles() - before;
    if (status != 0) {
        return status;
    }
    imse_segment_synthesize(s->input, gain, s->mask, s->phase, s->output);
    s->segment_cycles = cycles() - begin;
    return 0;
}
