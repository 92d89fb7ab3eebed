/*
 * Audio over I2S with two buffers each way. While the DMA fills and plays one half, the main loop
 * reads and writes the other; the interrupt counts halves and clears the one just played.
 *
 *   time        | half 0 | half 1 | half 0 | half 1 |
 *   recorded to | A      | B      | C      | D      |
 *   main loop   |        | A -> a | B -> b | C -> c |
 *   played from | -      | -      | a      | b      |
 *
 * To bring it to another chip write imse_i2s_start(), imse_i2s_mute(), and interrupt handlers that
 * call imse_i2s_half_done() and imse_i2s_failed(); everything else stays.
 */
#ifndef IMSE_I2S_H
#define IMSE_I2S_H

#include <stdint.h>

#include "imse_model_config.h"

/* A stereo frame has two slots of 32 bits, left first; the microphone speaks in the left one. */
#define IMSE_I2S_SLOTS 2u
#define IMSE_I2S_HALF_WORDS (IMSE_HOP * IMSE_I2S_SLOTS)

/*
 * The microphones give 24 bits, left aligned, and -26 dBFS at 94 dB of sound pressure: that many
 * bits are shifted out on the way to 16 bits, which amplifies four times.
 */
#ifndef IMSE_I2S_MICROPHONE_SHIFT
#define IMSE_I2S_MICROPHONE_SHIFT 14
#endif

typedef struct {
    uint32_t halves;    /* recorded so far; written by the interrupt alone, as the next */
    uint32_t missed;    /* interrupts that came too late to tell the halves apart */
    uint32_t taken;     /* processed so far; written by the main loop alone, as the rest */
    uint32_t overruns;  /* halves that were recorded and not processed */
    uint32_t underruns; /* halves whose playing began before they were written */
} imse_i2s_counters_t;

/* For the debugger; imse_audio_status() hands them to the host. */
extern volatile imse_i2s_counters_t imse_i2s_counters;

/*
 * The board's part: clocks, pins, DMA and interrupt, then starts both directions at once. Records
 * into and plays from buffers of 2 * IMSE_I2S_HALF_WORDS words, round and round. Returns 1, or 0
 * when the hardware does not come up.
 */
int imse_i2s_start(uint32_t *recorded, const uint32_t *played);

/* The board's part: the DAC hears silence from the next frame on, whatever lies in the buffer. */
void imse_i2s_mute(void);

/* To be called by the interrupt handler when the DMA has filled half 0 or half 1, in their order. */
void imse_i2s_half_done(uint32_t half);

/* To be called by the interrupt handler when the hardware has lost words: mutes, says FAILED. */
void imse_i2s_failed(void);

#endif /* IMSE_I2S_H */
