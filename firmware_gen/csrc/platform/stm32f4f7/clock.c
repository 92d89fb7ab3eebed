/*
 * Voltage scale 1, over-drive where the chip has it, flash wait states, PLL: 168 MHz on the
 * STM32F407, 216 MHz on the STM32F746. From the board's oscillator, or from the internal 16 MHz one
 * when that does not start.
 */
#include "imse_platform.h"
#include "stm32.h"

#define HSI_HZ 16000000u
#define USB_HZ 48000000u /* limit of the PLL's Q output */

static uint32_t clock_hz;
static uint32_t apb1_hz, apb2_hz;

uint32_t platform_clock_hz(void) {
    return clock_hz;
}

uint32_t stm32_uart_clock_hz(void) {
    return IMSE_UART_BASE >= STM32_APB2_BASE ? apb2_hz : apb1_hz;
}

static int start_oscillator(void) {
#if IMSE_OSCILLATOR_HZ == 0
    return 0;
#else
    RCC_CR |= IMSE_OSCILLATOR_BYPASS ? RCC_CR_HSEBYP : 0;
    RCC_CR |= RCC_CR_HSEON;
    return stm32_wait_for(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);
#endif
}

/* Reference 1 MHz, oscillator at twice the clock (P = 2). */
static int start_pll(void) {
    const int external = start_oscillator();
    const uint32_t source_mhz = (external ? IMSE_OSCILLATOR_HZ : HSI_HZ) / 1000000u;
    const uint32_t vco_mhz = 2u * (IMSE_CLOCK_HZ / 1000000u);
    const uint32_t q = (vco_mhz * 1000000u + USB_HZ - 1u) / USB_HZ;
    RCC_PLLCFGR = (RCC_PLLCFGR & ~RCC_PLLCFGR_FIELDS) | source_mhz |
                  vco_mhz << RCC_PLLCFGR_PLLN_SHIFT | q << RCC_PLLCFGR_PLLQ_SHIFT |
                  (external ? RCC_PLLCFGR_PLLSRC_HSE : 0u);
    RCC_CR |= RCC_CR_PLLON;
#if STM32_HAS_OVER_DRIVE
    PWR_CR |= PWR_CR_ODEN;
    if (!stm32_wait_for(&PWR_CSR, PWR_CSR_ODRDY, PWR_CSR_ODRDY)) {
        return 0;
    }
    PWR_CR |= PWR_CR_ODSWEN;
    if (!stm32_wait_for(&PWR_CSR, PWR_CSR_ODSWRDY, PWR_CSR_ODSWRDY)) {
        return 0;
    }
#endif
    return stm32_wait_for(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);
}

void stm32_clock_init(void) {
    clock_hz = apb1_hz = apb2_hz = HSI_HZ;
    RCC_APB1ENR |= RCC_APB1ENR_PWREN;
    (void)RCC_APB1ENR;
    PWR_CR |= PWR_CR_VOS_SCALE1;
    if (!start_pll()) {
        return;
    }
    FLASH_ACR = FLASH_ACR_FAST;
    if (!stm32_wait_for(&FLASH_ACR, 0xfu, FLASH_ACR_FAST & 0xfu)) {
        return;
    }
    RCC_CFGR = (RCC_CFGR & ~0xfcf3u) | RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2;
    RCC_CFGR |= RCC_CFGR_SW_PLL;
    if (stm32_wait_for(&RCC_CFGR, 3u << 2, RCC_CFGR_SWS_PLL)) {
        clock_hz = IMSE_CLOCK_HZ;
    }
    apb1_hz = clock_hz / 4u;
    apb2_hz = clock_hz / 2u;
}
