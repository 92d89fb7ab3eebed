/*
 * Supply, voltage scale, flash wait states and PLL1 for full speed: 480 MHz on the H743 (400 MHz on
 * revisions before X, and with the step-down converter of the H747), 280 MHz on the H7A3. From the
 * board's oscillator, or from the internal 64 MHz one when that does not start.
 */
#include "imse_board_config.h"
#include "imse_platform.h"
#include "stm32.h"

#define HSI_HZ 64000000u

#if IMSE_OSCILLATOR_HZ % 8000000 == 0
#define REFERENCE_HZ 8000000u
#define REFERENCE_RANGE RCC_PLLCFGR_RANGE_8_16MHZ
#elif IMSE_OSCILLATOR_HZ % 5000000 == 0
#define REFERENCE_HZ 5000000u
#define REFERENCE_RANGE RCC_PLLCFGR_RANGE_4_8MHZ
#else
#error "the oscillator must be a multiple of 8 MHz or 5 MHz"
#endif
#define HSI_REFERENCE_HZ 8000000u

static uint32_t clock_hz;

uint32_t platform_clock_hz(void) {
    return clock_hz;
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

/*
 * The supply is how the board is wired, and the register takes it once after power on. Core voltage
 * for the clock: the highest scale, and on all but the H7A3 above 400 MHz the over-drive.
 */
static int raise_voltage(int over_drive) {
    PWR_CR3 = (PWR_CR3 & ~PWR_CR3_SUPPLY) | (IMSE_SUPPLY_SMPS ? PWR_CR3_SMPSEN : PWR_CR3_LDOEN);
    if (!stm32_wait_for(&PWR_CSR1, PWR_CSR1_ACTVOSRDY, PWR_CSR1_ACTVOSRDY)) {
        return 0;
    }
    PWR_D3CR |= PWR_D3CR_VOS;
    if (!stm32_wait_for(&PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY)) {
        return 0;
    }
    if (over_drive) {
        RCC_APB4ENR |= RCC_APB4ENR_SYSCFG;
        (void)RCC_APB4ENR;
        SYSCFG_PWRCR |= SYSCFG_PWRCR_ODEN;
        return stm32_wait_for(&PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY);
    }
    return 1;
}

static int start_pll(uint32_t hz) {
    const int external = start_oscillator();
    const uint32_t reference = external ? REFERENCE_HZ : HSI_REFERENCE_HZ;
    const uint32_t source_hz = external ? IMSE_OSCILLATOR_HZ : HSI_HZ;
    RCC_PLLCKSELR = (source_hz / reference) << RCC_PLLCKSELR_DIVM1_SHIFT |
                    (external ? RCC_PLLCKSELR_HSE : RCC_PLLCKSELR_HSI);
    RCC_PLLCFGR = RCC_PLLCFGR_DIVP1EN | (external ? REFERENCE_RANGE : RCC_PLLCFGR_RANGE_8_16MHZ);
    /* The oscillator runs at twice the clock (P = 2); Q and R are off but must be legal. */
    RCC_PLL1DIVR = (2u * hz / reference - 1u) | 1u << 9 | 1u << 16 | 1u << 24;
    RCC_CR |= RCC_CR_PLL1ON;
    return stm32_wait_for(&RCC_CR, RCC_CR_PLL1RDY, RCC_CR_PLL1RDY);
}

void stm32_clock_init(void) {
    clock_hz = HSI_HZ;
#ifdef IMSE_MCU_STM32H7A3
    const uint32_t hz = IMSE_CLOCK_HZ;
    const int over_drive = 0;
#else
    const uint32_t limit = DBGMCU_IDC >> 16 >= 0x2000u ? 480000000u : 400000000u;
    const uint32_t hz = IMSE_CLOCK_HZ < limit ? IMSE_CLOCK_HZ : limit;
    const int over_drive = hz > 400000000u;
#endif
    RCC_D1CFGR = RCC_D1CFGR_DIVIDERS;
    RCC_D2CFGR = RCC_D2CFGR_DIVIDERS;
    RCC_D3CFGR = RCC_D3CFGR_DIVIDERS;
    RCC_D2CCIP2R &= ~(7u << 3 | 7u); /* all serial ports run from their bus clock */
    if (!raise_voltage(over_drive) || !start_pll(hz)) {
        return;
    }
    const uint32_t acr = IMSE_CLOCK_HZ == 400000000u || hz != IMSE_CLOCK_HZ ? FLASH_ACR_400MHZ
                                                                          : FLASH_ACR_FAST;
    FLASH_ACR = acr;
    if (!stm32_wait_for(&FLASH_ACR, FLASH_ACR_FIELDS, acr)) {
        return;
    }
    RCC_CFGR = (RCC_CFGR & ~7u) | RCC_CFGR_SW_PLL1;
    if (stm32_wait_for(&RCC_CFGR, 7u << 3, RCC_CFGR_SWS_PLL1)) {
        clock_hz = hz;
    }
}

uint32_t stm32_uart_clock_hz(void) {
    /* APB1 and APB2 run at half the AHB clock. */
    return clock_hz / STM32_AHB_DIVIDER / 2u;
}
