#include "imse_platform.h"

#include "imse_board_config.h"
#include "stm32.h"

void platform_early_init(void) {
    RCC_AHB2ENR |= RCC_AHB2ENR_SRAMS;
    (void)RCC_AHB2ENR;
#ifdef IMSE_SDRAM_ORIGIN
    stm32h7_sdram_init();
#endif
}

void platform_init(void) {
    /*
     * Where no external memory is, keep the processor from prefetching it speculatively, and
     * stray pointers from hanging the bus. The SRAMs on AHB are shared with DMA controllers, so
     * they are not cached.
     */
    cortexm_mpu_region(0, 0, 32, MPU_NO_EXTERNAL_MEMORY);
    cortexm_mpu_region(1, 0x30000000u, 19, MPU_NOT_CACHED);
    cortexm_mpu_region(2, 0x38000000u, 16, MPU_NOT_CACHED);
#ifdef IMSE_SDRAM_ORIGIN
    cortexm_mpu_region(3, IMSE_SDRAM_ORIGIN, IMSE_SDRAM_LOG2_SIZE, MPU_CACHED);
#endif
    cortexm_enable_caches();
    stm32_clock_init();
#ifdef IMSE_SDRAM_ORIGIN
    stm32h7_sdram_refresh(platform_clock_hz() / STM32_AHB_DIVIDER);
#endif
    cortexm_start_cycles();
    stm32_uart_init();
}
