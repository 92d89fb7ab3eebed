/*
 * The processor at 600 MHz out of PLL1, which the core voltage after reset allows; buses at a third
 * and a half of that. From the internal 64 MHz oscillator. The NPU is not used and stays off.
 */
#include "imse_platform.h"
#include "stm32.h"

#define HSI_HZ 64000000u
#define REFERENCE_DIVIDER 4u
#define VCO_HZ (2u * IMSE_CLOCK_HZ)
#define SYSTEM_DIVIDER 3u /* IC2: 400 MHz; AHB and APB run at half of it */

static uint32_t clock_hz;
static uint32_t system_hz;

uint32_t platform_clock_hz(void) {
    return clock_hz;
}

uint32_t stm32_uart_clock_hz(void) {
    return system_hz / 2u; /* APB2; HPRE divides by 2 after reset */
}

void stm32_clock_init(void) {
    clock_hz = system_hz = HSI_HZ;
    RCC_CCIPR13 &= ~RCC_CCIPR13_USART1SEL;
    RCC_PLL1CFGR1 = REFERENCE_DIVIDER << RCC_PLL1CFGR1_PLL1DIVM_SHIFT |
                    (VCO_HZ / (HSI_HZ / REFERENCE_DIVIDER)) << RCC_PLL1CFGR1_PLL1DIVN_SHIFT;
    RCC_PLL1CFGR2 = 0;
    RCC_PLL1CFGR3 = RCC_PLL1CFGR3_PLL1MODSSRST | RCC_PLL1CFGR3_PLL1MODSSDIS |
                    RCC_PLL1CFGR3_DIV1 | RCC_PLL1CFGR3_PLL1PDIVEN;
    RCC_CR |= RCC_CR_PLL1ON;
    if (!stm32_wait_for(&RCC_SR, RCC_SR_PLL1RDY, RCC_SR_PLL1RDY)) {
        return;
    }
    RCC_IC1CFGR = RCC_ICCFGR(2u);
    RCC_IC2CFGR = RCC_ICCFGR(SYSTEM_DIVIDER);
    RCC_IC6CFGR = RCC_ICCFGR(SYSTEM_DIVIDER);
    RCC_IC11CFGR = RCC_ICCFGR(SYSTEM_DIVIDER);
    RCC_DIVENR |= RCC_DIVENR_IC1 | RCC_DIVENR_SYSTEM;
    RCC_CFGR1 |= RCC_CFGR1_CPUSW_IC1 | RCC_CFGR1_SYSSW_IC;
    if (stm32_wait_for(&RCC_CFGR1, RCC_CFGR1_STATUS, RCC_CFGR1_STATUS)) {
        clock_hz = IMSE_CLOCK_HZ;
        system_hz = VCO_HZ / SYSTEM_DIVIDER;
    }
}
