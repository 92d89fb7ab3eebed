/* What the application needs from a board. One folder per microcontroller family implements it. */
#ifndef IMSE_PLATFORM_H
#define IMSE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* Sets up clocks, caches, memory protection, UART and cycle counter. */
void platform_init(void);

/* Processor clock in hertz as it really runs. */
uint32_t platform_clock_hz(void);

/* Next received byte: 1 one was stored, 0 none is there, -1 bytes were lost since the last call. */
int platform_uart_read_byte(uint8_t *byte);

/* Sends size bytes; returns when the last one is in the transmitter. */
void platform_uart_write(const uint8_t *data, size_t size);

/* Processor cycles, wrapping at 2^32. */
uint32_t platform_cycles(void);

/* Size of the main stack, and the most of it that was used since the start, in bytes. */
uint32_t platform_stack_bytes(void);
uint32_t platform_stack_peak_bytes(void);

/*
 * The place to feed a watchdog: called by the main loop, and while a segment is worked on. No
 * platform starts one; the default (weak) does nothing. Between two calls lie at most a frame, or
 * IMSE_SEGMENT_PROGRESS_MS and the longest layer. Not called after a fault: a watchdog of your own
 * then restarts the chip, and the fault report with it is over.
 */
void platform_watchdog_feed(void);

/* Restarts the chip. */
__attribute__((noreturn)) void platform_restart(void);

/* Runs before the C environment exists: no globals. Switches on memories that need a clock. */
void platform_early_init(void);

#endif /* IMSE_PLATFORM_H */
