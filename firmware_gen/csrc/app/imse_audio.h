/*
 * Hooks for audio over I2S or SAI. The defaults (weak, in imse_audio.c) say that the board has no
 * audio stream, and the firmware then serves the UART alone. audio/imse_i2s.c overrides them all
 * for boards with an I2S driver (imse-mcu build --app i2s). A board with another driver needs
 * imse_i2s_start() and its interrupt handler (audio/imse_i2s.h); one with something else than I2S
 * overrides the hooks themselves, in a file of its own such as app/board_audio.c:
 *
 *   - buffers in IMSE_AUDIO_DMA memory (not cached where the target has such memory);
 *   - imse_audio_init() starts the stream at IMSE_SAMPLE_RATE_HZ and returns 1;
 *   - the DMA's interrupts only note which half is free;
 *   - imse_audio_take() hands out that half, once per interrupt;
 *   - imse_audio_stop() makes the output silent: after a fault nobody fills buffers any more;
 *   - imse_audio_status() tells what was lost.
 *
 * The time between two hops is IMSE_HOP / IMSE_SAMPLE_RATE_HZ = 16 ms; processing one takes
 * imse_pipeline_frame.frame_cycles. Interrupt handlers are named in the family's vectors.c.
 */
#ifndef IMSE_AUDIO_H
#define IMSE_AUDIO_H

#include <stdint.h>

#include "imse_model_config.h"

/* Memory that DMA controllers reach. */
#define IMSE_AUDIO_DMA __attribute__((section(".bss.imse_dma"), aligned(32)))

#define IMSE_AUDIO_NONE 0u
#define IMSE_AUDIO_RUNNING 1u
#define IMSE_AUDIO_FAILED 2u /* the hardware did not come up, or lost words */

/* How the stream has fared since the start; the host reads it with a STATUS request. */
typedef struct {
    uint32_t state;
    uint32_t recorded;  /* hops */
    uint32_t missed;    /* interrupts that came too late to tell the buffers apart */
    uint32_t overruns;  /* hops that were recorded and not processed */
    uint32_t underruns; /* hops whose playing began before they were written */
} imse_audio_status_t;

/* Starts the audio stream. Returns 1 when there is one, 0 when the board has none. */
int imse_audio_init(void);

/*
 * Returns 1 when a hop has been recorded: *input is its IMSE_HOP samples and *output the buffer to
 * be played next, both valid until the following call. Returns 0 when none is ready. Never waits.
 */
int imse_audio_take(const int16_t **input, int16_t **output);

/* The output buffer handed out last has been filled. */
void imse_audio_done(void);

/*
 * Makes the output silent for good. Called by the fault handler, maybe before imse_audio_init() and
 * with all interrupts held up; returns at once.
 */
void imse_audio_stop(void);

/* How the stream fares. Never waits. */
void imse_audio_status(imse_audio_status_t *status);

#endif /* IMSE_AUDIO_H */
