/* Registers of the STM32U575/585 (ST RM0456) that the platform uses, as with TrustZone off. */
#ifndef STM32_FAMILY_H
#define STM32_FAMILY_H

#include "cortexm.h"
#include "imse_board_config.h"

#define STM32_USART_GENERATION 2
#define STM32_USART_HAS_FIFO 1
#define STM32_GPIO_BASE 0x42020000u
#define STM32_GPIO_ENABLE RCC_AHB2ENR1

/* Power control. */
#define PWR_VOSR REGISTER(0x4602080cu)
#define PWR_VOSR_BOOSTRDY (1u << 14)
#define PWR_VOSR_VOSRDY (1u << 15)
#define PWR_VOSR_VOS_RANGE1 (3u << 16)
#define PWR_VOSR_BOOSTEN (1u << 18)

/* Instruction cache. */
#define ICACHE_CR REGISTER(0x40030400u)
#define ICACHE_SR REGISTER(0x40030404u)
#define ICACHE_CR_EN 1u
#define ICACHE_SR_BUSYF 1u

/* Flash interface. */
#define FLASH_ACR REGISTER(0x40022000u)
#define FLASH_ACR_LATENCY 0xfu
#define FLASH_ACR_FAST (4u | 1u << 8) /* 160 MHz in range 1: 4 wait states; prefetch */

/* Reset and clock control. */
#define RCC_CR REGISTER(0x46020c00u)
#define RCC_CFGR1 REGISTER(0x46020c1cu)
#define RCC_PLL1CFGR REGISTER(0x46020c28u)
#define RCC_PLL1DIVR REGISTER(0x46020c34u)
#define RCC_AHB2ENR1 REGISTER(0x46020c8cu)
#define RCC_AHB3ENR REGISTER(0x46020c94u)
#define RCC_APB2ENR REGISTER(0x46020ca4u)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_CFGR1_SW_PLL1 3u
#define RCC_CFGR1_SWS (3u << 2)
#define RCC_CFGR1_SWS_PLL1 (3u << 2)
#define RCC_PLL1CFGR_PLL1SRC_MSIS 1u
#define RCC_PLL1CFGR_PLL1REN (1u << 18)
#define RCC_AHB3ENR_PWREN (1u << 2)

#endif /* STM32_FAMILY_H */
