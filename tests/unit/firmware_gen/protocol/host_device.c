/* The platform on the host: a queue of received bytes, a buffer of sent ones, a clock. */
#include <setjmp.h>
#include <string.h>

#include "imse_audio.h"
#include "imse_platform.h"
#include "imse_service.h"

static uint8_t received[1 << 20];
static uint32_t received_size, received_at, overrun_at = ~0u;
static uint8_t sent[1 << 20];
static uint32_t sent_size, now;
static jmp_buf restart;

void platform_init(void) {
}

uint32_t platform_clock_hz(void) {
    return 1000000u;
}

uint32_t platform_cycles(void) {
    return now += 10;
}

int platform_uart_read_byte(uint8_t *byte) {
    if (received_at == overrun_at) {
        overrun_at = ~0u;
        return -1;
    }
    if (received_at == received_size) {
        return 0;
    }
    *byte = received[received_at++];
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t size) {
    memcpy(sent + sent_size, data, size);
    sent_size += (uint32_t)size;
}

uint32_t platform_stack_bytes(void) {
    return 8192u;
}

uint32_t platform_stack_peak_bytes(void) {
    return 340u;
}

static uint32_t feeds, stops;

void platform_watchdog_feed(void) {
    ++feeds;
}

uint32_t host_feeds(void) {
    return feeds;
}

void imse_audio_stop(void) {
    ++stops;
}

uint32_t host_stops(void) {
    return stops;
}

static imse_audio_status_t audio;

void imse_audio_status(imse_audio_status_t *status) {
    *status = audio;
}

void host_audio(uint32_t recorded, uint32_t missed, uint32_t overruns, uint32_t underruns) {
    audio = (imse_audio_status_t){IMSE_AUDIO_RUNNING, recorded, missed, overruns, underruns};
}

const uint8_t __build_id__[20] = {0x12, 0x34, 0x56};

void platform_restart(void) {
    longjmp(restart, 1);
}

void host_feed(const uint8_t *data, uint32_t size, uint32_t overrun_after) {
    memcpy(received, data, size);
    received_size = size;
    received_at = 0;
    overrun_at = overrun_after;
}

void host_wait(uint32_t cycles) {
    now += cycles;
}

uint32_t host_take(uint8_t *data) {
    const uint32_t size = sent_size;
    memcpy(data, sent, size);
    sent_size = 0;
    return size;
}

/* Returns 1 when the device restarted, 0 when the received bytes ran out. */
int host_fault(uint32_t pc, uint32_t cfsr, uint32_t hfsr) {
    if (setjmp(restart)) {
        return 1;
    }
    imse_service_fault(pc, cfsr, hfsr);
}
