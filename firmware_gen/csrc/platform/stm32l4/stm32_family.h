/* Registers of the STM32L4R5 (ST RM0432) that the platform uses. */
#ifndef STM32_FAMILY_H
#define STM32_FAMILY_H

#include "cortexm.h"
#include "imse_board_config.h"

#define STM32_USART_GENERATION 2
#define STM32_USART_HAS_FIFO 1
#define STM32_GPIO_BASE 0x48000000u
#define STM32_GPIO_ENABLE RCC_AHB2ENR

/* Power control. */
#define PWR_CR1 REGISTER(0x40007000u)
#define PWR_CR2 REGISTER(0x40007004u)
#define PWR_SR2 REGISTER(0x40007014u)
#define PWR_CR5 REGISTER(0x40007080u)
#define PWR_CR1_VOS (3u << 9)
#define PWR_CR1_VOS_RANGE1 (1u << 9)
#define PWR_CR2_IOSV (1u << 9) /* supply of PG2 to PG15 is there */
#define PWR_SR2_VOSF (1u << 10)
#define PWR_CR5_R1MODE (1u << 8) /* clear: boost mode of range 1 */

/* Flash interface. */
#define FLASH_ACR REGISTER(0x40022000u)
#define FLASH_ACR_LATENCY 0xfu
#define FLASH_ACR_FAST (5u | 7u << 8) /* 120 MHz: 5 wait states; prefetch, I- and D-cache */

/* Reset and clock control. */
#define RCC_CR REGISTER(0x40021000u)
#define RCC_CFGR REGISTER(0x40021008u)
#define RCC_PLLCFGR REGISTER(0x4002100cu)
#define RCC_AHB2ENR REGISTER(0x4002104cu)
#define RCC_APB1ENR1 REGISTER(0x40021058u)
#define RCC_APB1ENR2 REGISTER(0x4002105cu)
#define RCC_CCIPR REGISTER(0x40021088u)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_PLLCFGR_PLLSRC_MSI 1u
#define RCC_PLLCFGR_PLLN_SHIFT 8
#define RCC_PLLCFGR_PLLREN (1u << 24) /* R output on, divided by 2 */
#define RCC_CFGR_HPRE (0xfu << 4)
#define RCC_CFGR_HPRE_DIV2 (8u << 4)
#define RCC_CFGR_SW_PLL 3u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (3u << 2)
#define RCC_APB1ENR1_PWREN (1u << 28)

#endif /* STM32_FAMILY_H */
