/*
 * Range 1 with the booster and PLL1 from the internal 4 MHz oscillator (MSIS): 160 MHz. The
 * instruction cache hides the wait states of the flash.
 */
#include "imse_platform.h"
#include "stm32.h"

#define MSI_HZ 4000000u

static uint32_t clock_hz;

uint32_t platform_clock_hz(void) {
    return clock_hz;
}

uint32_t stm32_uart_clock_hz(void) {
    return clock_hz; /* APB2 is not divided, and CCIPR1's reset value selects it */
}

void stm32_clock_init(void) {
    clock_hz = MSI_HZ;
    if (stm32_wait_for(&ICACHE_SR, ICACHE_SR_BUSYF, 0)) {
        ICACHE_CR |= ICACHE_CR_EN;
    }
    RCC_AHB3ENR |= RCC_AHB3ENR_PWREN;
    (void)RCC_AHB3ENR;
    /* M = 1, oscillator at twice the clock (R = 2); the booster runs from the source, not divided. */
    RCC_PLL1CFGR = RCC_PLL1CFGR_PLL1SRC_MSIS | RCC_PLL1CFGR_PLL1REN;
    RCC_PLL1DIVR = (2u * IMSE_CLOCK_HZ / MSI_HZ - 1u) | 1u << 9 | 1u << 16 | 1u << 24;
    PWR_VOSR |= PWR_VOSR_VOS_RANGE1;
    if (!stm32_wait_for(&PWR_VOSR, PWR_VOSR_VOSRDY, PWR_VOSR_VOSRDY)) {
        return;
    }
    PWR_VOSR |= PWR_VOSR_BOOSTEN;
    if (!stm32_wait_for(&PWR_VOSR, PWR_VOSR_BOOSTRDY, PWR_VOSR_BOOSTRDY)) {
        return;
    }
    RCC_CR |= RCC_CR_PLL1ON;
    if (!stm32_wait_for(&RCC_CR, RCC_CR_PLL1RDY, RCC_CR_PLL1RDY)) {
        return;
    }
    FLASH_ACR = FLASH_ACR_FAST;
    if (!stm32_wait_for(&FLASH_ACR, FLASH_ACR_LATENCY, FLASH_ACR_FAST & FLASH_ACR_LATENCY)) {
        return;
    }
    RCC_CFGR1 |= RCC_CFGR1_SW_PLL1;
    if (stm32_wait_for(&RCC_CFGR1, RCC_CFGR1_SWS, RCC_CFGR1_SWS_PLL1)) {
        clock_hz = IMSE_CLOCK_HZ;
    }
}
