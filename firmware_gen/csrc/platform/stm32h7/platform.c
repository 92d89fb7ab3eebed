#include "imse_platform.h"

#include "stm32h7.h"

void platform_early_init(void) {
    RCC_AHB2ENR |= RCC_AHB2ENR_SRAM123;
    (void)RCC_AHB2ENR;
}

void platform_init(void) {
    /*
     * External memory is not there: keep the processor from prefetching it speculatively, and
     * stray pointers from hanging the bus. SRAM1 to SRAM3 are shared with DMA controllers, so they
     * are not cached.
     */
    cortexm_mpu_region(0, 0x60000000u, 30, MPU_NO_ACCESS);
    cortexm_mpu_region(1, 0x30000000u, 19, MPU_NOT_CACHED);
    cortexm_mpu_enable();
    cortexm_enable_caches();
    stm32h7_clock_init();
    cortexm_start_cycles();
    stm32h7_uart_init();
}
