/* Registers of the STM32F405/407 (ST RM0090) and STM32F74x/75x (ST RM0385), which share a map. */
#ifndef STM32_FAMILY_H
#define STM32_FAMILY_H

#include "cortexm.h"
#include "imse_board_config.h"

#ifdef IMSE_MCU_STM32F746
#define STM32_USART_GENERATION 2
#define STM32_HAS_OVER_DRIVE 1
#else
#define STM32_USART_GENERATION 1
#define STM32_HAS_OVER_DRIVE 0
#endif
#define STM32_USART_HAS_FIFO 0
#define STM32_GPIO_BASE 0x40020000u
#define STM32_GPIO_ENABLE RCC_AHB1ENR

/* Power control; the STM32F7 calls CR and CSR CR1 and CSR1. */
#define PWR_CR REGISTER(0x40007000u)
#define PWR_CSR REGISTER(0x40007004u)
#define PWR_CR_VOS_SCALE1 (STM32_HAS_OVER_DRIVE ? 3u << 14 : 1u << 14)
#define PWR_CR_ODEN (1u << 16)
#define PWR_CR_ODSWEN (1u << 17)
#define PWR_CSR_ODRDY (1u << 16)
#define PWR_CSR_ODSWRDY (1u << 17)

/* Flash interface. */
#define FLASH_ACR REGISTER(0x40023c00u)
#if STM32_HAS_OVER_DRIVE
#define FLASH_ACR_FAST (7u | 1u << 8 | 1u << 9) /* 216 MHz: 7 wait states; prefetch, ART */
#else
#define FLASH_ACR_FAST (5u | 7u << 8) /* 168 MHz: 5 wait states; prefetch, I- and D-cache */
#endif

/* Reset and clock control. */
#define RCC_CR REGISTER(0x40023800u)
#define RCC_PLLCFGR REGISTER(0x40023804u)
#define RCC_CFGR REGISTER(0x40023808u)
#define RCC_AHB1ENR REGISTER(0x40023830u)
#define RCC_APB1ENR REGISTER(0x40023840u)
#define RCC_APB2ENR REGISTER(0x40023844u)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_PLLCFGR_FIELDS 0x0f437fffu /* PLLM, PLLN, PLLP, PLLSRC, PLLQ */
#define RCC_PLLCFGR_PLLN_SHIFT 6
#define RCC_PLLCFGR_PLLSRC_HSE (1u << 22)
#define RCC_PLLCFGR_PLLQ_SHIFT 24
#define RCC_CFGR_PPRE1_DIV4 (5u << 10)
#define RCC_CFGR_PPRE2_DIV2 (4u << 13)
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_APB1ENR_PWREN (1u << 28)

/* Serial ports above this address hang on APB2. */
#define STM32_APB2_BASE 0x40010000u

#endif /* STM32_FAMILY_H */
