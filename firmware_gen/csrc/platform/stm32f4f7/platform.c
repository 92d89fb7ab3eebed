#include "imse_platform.h"

#include "stm32.h"

void platform_early_init(void) {
}

void platform_init(void) {
#if STM32_HAS_OVER_DRIVE
    /* No external memory is set up: keep the Cortex-M7 from prefetching it. SRAM2 is for DMA. */
    cortexm_mpu_region(0, 0, 32, MPU_NO_EXTERNAL_MEMORY);
    cortexm_mpu_region(1, 0x2004c000u, 14, MPU_NOT_CACHED);
    cortexm_enable_caches();
#endif
    stm32_clock_init();
    cortexm_start_cycles();
    stm32_uart_init();
}
