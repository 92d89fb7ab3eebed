#include "imse_platform.h"

#include "stm32.h"

void platform_early_init(void) {
    cortexm_take_over();
}

void platform_init(void) {
    cortexm_enable_caches();
    stm32_clock_init();
    cortexm_start_cycles();
    stm32_uart_init();
}
