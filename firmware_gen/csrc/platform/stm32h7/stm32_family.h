/* Registers of the STM32H743, H747 (ST RM0433, RM0399) and H7A3 (RM0455) that the platform uses. */
#ifndef STM32_FAMILY_H
#define STM32_FAMILY_H

#include "cortexm.h"
#include "imse_board_config.h"

#define STM32_USART_GENERATION 2
#define STM32_USART_HAS_FIFO 1
#define STM32_GPIO_BASE 0x58020000u
#define STM32_GPIO_ENABLE RCC_AHB4ENR

/* Power control; the H7A3 calls D3CR SRDCR. */
#define PWR_CSR1 REGISTER(0x58024804u)
#define PWR_CR3 REGISTER(0x5802480cu)
#define PWR_D3CR REGISTER(0x58024818u)
#define PWR_CSR1_ACTVOSRDY (1u << 13)
#define PWR_CR3_SUPPLY 0x7u /* BYPASS, LDOEN, SMPSEN (SCUEN without a step-down converter) */
#define PWR_CR3_LDOEN (1u << 1)
#define PWR_CR3_SMPSEN (1u << 2)
#define PWR_D3CR_VOSRDY (1u << 13)
#define PWR_D3CR_VOS (3u << 14) /* highest: scale 1, on the H7A3 scale 0 */

/* System configuration: the over-drive that makes voltage scale 0. */
#define SYSCFG_PWRCR REGISTER(0x5800042cu)
#define SYSCFG_PWRCR_ODEN 1u

/* Flash interface. */
#define FLASH_ACR REGISTER(0x52002000u)
#define FLASH_ACR_FIELDS 0x3fu /* LATENCY, WRHIGHFREQ */
#ifdef IMSE_MCU_STM32H7A3
#define FLASH_ACR_FAST 0x36u /* AXI at 280 MHz, VOS0: 6 wait states, WRHIGHFREQ 3 */
#else
#define FLASH_ACR_FAST 0x24u /* AXI at 240 MHz, VOS0: 4 wait states, WRHIGHFREQ 2 */
#endif
#define FLASH_ACR_400MHZ 0x22u /* AXI at 200 MHz, VOS1: 2 wait states, WRHIGHFREQ 2 */

/* Identity: revisions from 0x2000 on (X, V) reach 480 MHz, older ones (Z, Y) 400 MHz. */
#define DBGMCU_IDC REGISTER(0x5c001000u)

/* Reset and clock control; the H7A3 calls D1CFGR, D2CFGR, D3CFGR CDCFGR1, CDCFGR2, SRDCFGR. */
#define RCC_CR REGISTER(0x58024400u)
#define RCC_CFGR REGISTER(0x58024410u)
#define RCC_D1CFGR REGISTER(0x58024418u)
#define RCC_D2CFGR REGISTER(0x5802441cu)
#define RCC_D3CFGR REGISTER(0x58024420u)
#define RCC_PLLCKSELR REGISTER(0x58024428u)
#define RCC_PLLCFGR REGISTER(0x5802442cu)
#define RCC_PLL1DIVR REGISTER(0x58024430u)
#define RCC_D2CCIP2R REGISTER(0x58024454u)
#define RCC_AHB3ENR REGISTER(RCC_ENABLES + 0x00u)
#define RCC_AHB1ENR REGISTER(RCC_ENABLES + 0x04u)
#define RCC_AHB2ENR REGISTER(RCC_ENABLES + 0x08u)
#define RCC_AHB4ENR REGISTER(RCC_ENABLES + 0x0cu)
#define RCC_APB1LENR REGISTER(RCC_ENABLES + 0x14u)
#define RCC_APB2ENR REGISTER(RCC_ENABLES + 0x1cu)
#define RCC_APB4ENR REGISTER(RCC_ENABLES + 0x20u)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_CFGR_SW_PLL1 3u
#define RCC_CFGR_SWS_PLL1 (3u << 3)
#ifdef IMSE_MCU_STM32H7A3
#define RCC_ENABLES 0x58024534u
#define STM32_AHB_DIVIDER 1u
#define RCC_AHB2ENR_SRAMS (3u << 29)
#define RCC_D1CFGR_DIVIDERS (4u << 4) /* processor /1, AXI and AHB /1, APB3 /2 */
#else
#define RCC_ENABLES 0x580244d4u
#define STM32_AHB_DIVIDER 2u
#define RCC_AHB2ENR_SRAMS (7u << 29)
#define RCC_D1CFGR_DIVIDERS (4u << 4 | 8u) /* processor /1, AXI and AHB /2, APB3 /2 */
#endif
#define RCC_D2CFGR_DIVIDERS (4u << 8 | 4u << 4) /* APB1, APB2 /2 */
#define RCC_D3CFGR_DIVIDERS (4u << 4)           /* APB4 /2 */
#define RCC_PLLCKSELR_HSI 0u
#define RCC_PLLCKSELR_HSE 2u
#define RCC_PLLCKSELR_DIVM1_SHIFT 4
#define RCC_PLLCFGR_RANGE_4_8MHZ (2u << 2)
#define RCC_PLLCFGR_RANGE_8_16MHZ (3u << 2)
#define RCC_PLLCFGR_DIVP1EN (1u << 16)
#define RCC_AHB3ENR_FMCEN (1u << 12)
#define RCC_APB4ENR_SYSCFG (1u << 1)

#ifdef IMSE_SDRAM_ORIGIN
/* sdram.c: usable at the clock after reset; the refresh rate then follows the final clock. */
void stm32h7_sdram_init(void);
void stm32h7_sdram_refresh(uint32_t ahb_hz);
#endif

#endif /* STM32_FAMILY_H */
