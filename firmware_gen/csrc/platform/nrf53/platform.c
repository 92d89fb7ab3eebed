#include "imse_platform.h"

#include "imse_board_config.h"
#include "nrf53.h"

#define WAIT_LIMIT 1000000u

static uint32_t clock_hz;

uint32_t platform_clock_hz(void) {
    return clock_hz;
}

/* The chip leaves it to the program to copy the factory's trim values to their registers. */
void platform_early_init(void) {
    for (uint32_t i = 0; i < FICR_TRIMCNF_COUNT && FICR_TRIMCNF_ADDR(i) != FICR_EMPTY; ++i) {
        REGISTER(FICR_TRIMCNF_ADDR(i)) = FICR_TRIMCNF_DATA(i);
    }
}

/*
 * The crystal oscillator, since the internal one is too inexact for the UART. When it does not
 * start, the internal one goes on at the same nominal frequency.
 */
static void start_crystal(void) {
    CLOCK_HFCLKSRC = CLOCK_HFCLKSRC_HFXO;
    CLOCK_EVENTS_HFCLKSTARTED = 0;
    CLOCK_TASKS_HFCLKSTART = 1;
    for (uint32_t i = 0; i < WAIT_LIMIT && CLOCK_EVENTS_HFCLKSTARTED == 0; ++i) {
    }
}

void platform_init(void) {
    CACHE_ENABLE = 1;
    start_crystal();
    CLOCK_HFCLKCTRL = CLOCK_HFCLKCTRL_DIV1;
    clock_hz = IMSE_CLOCK_HZ;
    cortexm_start_cycles();
    nrf53_uart_init();
}
