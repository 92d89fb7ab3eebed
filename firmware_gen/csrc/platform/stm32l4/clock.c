/* Range 1 in boost mode and the PLL from the internal 4 MHz oscillator (MSI): 120 MHz. */
#include "imse_platform.h"
#include "stm32.h"

#define MSI_HZ 4000000u
#define SETTLE_LOOPS 100u /* 1 us at 60 MHz, one loop takes more than one cycle */

static uint32_t clock_hz;

uint32_t platform_clock_hz(void) {
    return clock_hz;
}

uint32_t stm32_uart_clock_hz(void) {
    return clock_hz; /* APB1 is not divided, and CCIPR's reset value selects it */
}

void stm32_clock_init(void) {
    clock_hz = MSI_HZ;
    RCC_APB1ENR1 |= RCC_APB1ENR1_PWREN;
    (void)RCC_APB1ENR1;
    PWR_CR2 |= PWR_CR2_IOSV;
    PWR_CR1 = (PWR_CR1 & ~PWR_CR1_VOS) | PWR_CR1_VOS_RANGE1;
    if (!stm32_wait_for(&PWR_SR2, PWR_SR2_VOSF, 0)) {
        return;
    }
    PWR_CR5 &= ~PWR_CR5_R1MODE;
    /* M = 1, oscillator at twice the clock (R = 2). */
    RCC_PLLCFGR = RCC_PLLCFGR_PLLSRC_MSI | (2u * IMSE_CLOCK_HZ / MSI_HZ) << RCC_PLLCFGR_PLLN_SHIFT |
                  RCC_PLLCFGR_PLLREN;
    RCC_CR |= RCC_CR_PLLON;
    if (!stm32_wait_for(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY)) {
        return;
    }
    FLASH_ACR = FLASH_ACR_FAST;
    if (!stm32_wait_for(&FLASH_ACR, FLASH_ACR_LATENCY, FLASH_ACR_FAST & FLASH_ACR_LATENCY)) {
        return;
    }
    /* Above 80 MHz the step is taken in two, at least 1 us apart. */
    RCC_CFGR = (RCC_CFGR & ~RCC_CFGR_HPRE) | RCC_CFGR_HPRE_DIV2;
    RCC_CFGR |= RCC_CFGR_SW_PLL;
    if (!stm32_wait_for(&RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL)) {
        RCC_CFGR &= ~RCC_CFGR_HPRE;
        return;
    }
    for (volatile uint32_t i = 0; i < SETTLE_LOOPS; ++i) {
    }
    RCC_CFGR &= ~RCC_CFGR_HPRE;
    clock_hz = IMSE_CLOCK_HZ;
}
