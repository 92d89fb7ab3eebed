#include "imse_i2s.h"

#include "imse_audio.h"

#define BUFFER __attribute__((section(".bss.imse_buffers"), aligned(16)))

/* Time constant of the high pass that takes out the microphone's offset: 2^9 samples, 5 Hz. */
#define OFFSET_SHIFT 9

static uint32_t recorded[2][IMSE_I2S_HALF_WORDS] IMSE_AUDIO_DMA;
static uint32_t played[2][IMSE_I2S_HALF_WORDS] IMSE_AUDIO_DMA;
static int16_t input[IMSE_HOP] BUFFER;
static int16_t output[IMSE_HOP] BUFFER;
static int64_t offset; /* of the microphone, times 2^OFFSET_SHIFT */
static uint32_t current;
static volatile uint32_t state;

volatile imse_i2s_counters_t imse_i2s_counters;

void imse_i2s_half_done(uint32_t half) {
    /* What has been played is not played again when the main loop is late: silence follows. */
    volatile uint32_t *words = played[half];
    for (uint32_t i = 0; i < IMSE_I2S_HALF_WORDS; ++i) {
        words[i] = 0;
    }
    uint32_t halves = imse_i2s_counters.halves;
    if ((halves & 1u) != half) {
        ++halves;
        ++imse_i2s_counters.missed;
    }
    imse_i2s_counters.halves = halves + 1u;
}

void imse_i2s_failed(void) {
    state = IMSE_AUDIO_FAILED;
    imse_i2s_mute();
}

static int16_t saturate(int32_t value) {
    return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

static void from_microphone(const volatile uint32_t *words) {
    for (uint32_t i = 0; i < IMSE_HOP; ++i) {
        const int32_t sample = (int32_t)words[IMSE_I2S_SLOTS * i];
        offset += sample - (offset >> OFFSET_SHIFT);
        const int64_t centred = sample - (offset >> OFFSET_SHIFT);
        input[i] = saturate((int32_t)(centred >> IMSE_I2S_MICROPHONE_SHIFT));
    }
}

int imse_audio_init(void) {
    state = IMSE_AUDIO_RUNNING; /* an interrupt may tell otherwise from here on */
    const int running = imse_i2s_start(recorded[0], played[0]);
    if (!running) {
        state = IMSE_AUDIO_FAILED;
    }
    return running;
}

void imse_audio_stop(void) {
    if (state == IMSE_AUDIO_RUNNING) {
        imse_i2s_mute();
    }
}

int imse_audio_take(const int16_t **in, int16_t **out) {
    const uint32_t halves = imse_i2s_counters.halves;
    if (halves == imse_i2s_counters.taken) {
        return 0;
    }
    /* Only the latest half is still whole; it stays so until the next interrupt. */
    imse_i2s_counters.overruns += halves - imse_i2s_counters.taken - 1u;
    imse_i2s_counters.taken = halves;
    current = (halves - 1u) & 1u;
    from_microphone(recorded[current]);
    if (imse_i2s_counters.halves != halves) {
        /* The DMA has begun to overwrite it meanwhile. */
        ++imse_i2s_counters.overruns;
    }
    *in = input;
    *out = output;
    return 1;
}

void imse_audio_done(void) {
    volatile uint32_t *words = played[current];
    for (uint32_t i = 0; i < IMSE_HOP; ++i) {
        const uint32_t word = (uint32_t)(uint16_t)output[i] << 16;
        words[IMSE_I2S_SLOTS * i] = word;
        words[IMSE_I2S_SLOTS * i + 1u] = word;
    }
    if (imse_i2s_counters.halves != imse_i2s_counters.taken) {
        ++imse_i2s_counters.underruns;
    }
}

void imse_audio_status(imse_audio_status_t *status) {
    *status = (imse_audio_status_t){
        .state = state,
        .recorded = imse_i2s_counters.halves,
        .missed = imse_i2s_counters.missed,
        .overruns = imse_i2s_counters.overruns,
        .underruns = imse_i2s_counters.underruns,
    };
}
