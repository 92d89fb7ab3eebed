/* Registers of the STM32H743 and H753 that the platform uses (ST RM0433). */
#ifndef STM32H7_H
#define STM32H7_H

#include "cortexm.h"

/* Power control. */
#define PWR_CSR1 REGISTER(0x58024804u)
#define PWR_CR3 REGISTER(0x5802480cu)
#define PWR_D3CR REGISTER(0x58024818u)
#define PWR_CSR1_ACTVOSRDY (1u << 13)
#define PWR_CR3_SUPPLY 0x7u /* BYPASS, LDOEN, SCUEN */
#define PWR_CR3_LDOEN (1u << 1)
#define PWR_D3CR_VOSRDY (1u << 13)
#define PWR_D3CR_VOS1 (3u << 14)

/* System configuration: the over-drive that makes voltage scale 0. */
#define SYSCFG_PWRCR REGISTER(0x5800042cu)
#define SYSCFG_PWRCR_ODEN 1u

/* Flash interface. */
#define FLASH_ACR REGISTER(0x52002000u)
#define FLASH_ACR_480MHZ 0x24u /* AXI at 240 MHz, VOS0: 4 wait states, WRHIGHFREQ 2 */
#define FLASH_ACR_400MHZ 0x22u /* AXI at 200 MHz, VOS1: 2 wait states, WRHIGHFREQ 2 */

/* Identity: revisions from 0x2000 on (X, V) reach 480 MHz, older ones (Z, Y) 400 MHz. */
#define DBGMCU_IDC REGISTER(0x5c001000u)

/* Reset and clock control. */
#define RCC_CR REGISTER(0x58024400u)
#define RCC_CFGR REGISTER(0x58024410u)
#define RCC_D1CFGR REGISTER(0x58024418u)
#define RCC_D2CFGR REGISTER(0x5802441cu)
#define RCC_D3CFGR REGISTER(0x58024420u)
#define RCC_PLLCKSELR REGISTER(0x58024428u)
#define RCC_PLLCFGR REGISTER(0x5802442cu)
#define RCC_PLL1DIVR REGISTER(0x58024430u)
#define RCC_D2CCIP2R REGISTER(0x58024454u)
#define RCC_AHB2ENR REGISTER(0x580244dcu)
#define RCC_AHB4ENR REGISTER(0x580244e0u)
#define RCC_APB1LENR REGISTER(0x580244e8u)
#define RCC_APB2ENR REGISTER(0x580244f0u)
#define RCC_APB4ENR REGISTER(0x580244f4u)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_CFGR_SW_PLL1 3u
#define RCC_CFGR_SWS_PLL1 (3u << 3)
#define RCC_D1CFGR_DIVIDERS (4u << 4 | 8u)      /* CPU /1, AXI and AHB /2, APB3 /2 */
#define RCC_D2CFGR_DIVIDERS (4u << 8 | 4u << 4) /* APB1, APB2 /2 */
#define RCC_D3CFGR_DIVIDERS (4u << 4)           /* APB4 /2 */
#define RCC_PLLCKSELR_HSI 0u
#define RCC_PLLCKSELR_HSE 2u
#define RCC_PLLCKSELR_DIVM1_SHIFT 4
#define RCC_PLLCFGR_RANGE_4_8MHZ (2u << 2)
#define RCC_PLLCFGR_RANGE_8_16MHZ (3u << 2)
#define RCC_PLLCFGR_DIVP1EN (1u << 16)
#define RCC_AHB2ENR_SRAM123 (7u << 29)
#define RCC_APB4ENR_SYSCFG (1u << 1)

/* General purpose input and output: port 0 is A. */
#define GPIO_BASE(port) (0x58020000u + 0x400u * (port))
#define GPIO_MODER(port) REGISTER(GPIO_BASE(port) + 0x00u)
#define GPIO_OSPEEDR(port) REGISTER(GPIO_BASE(port) + 0x08u)
#define GPIO_PUPDR(port) REGISTER(GPIO_BASE(port) + 0x0cu)
#define GPIO_AFR(port, pin) REGISTER(GPIO_BASE(port) + 0x20u + 4u * ((pin) / 8u))

/* USART and UART. */
#define USART_CR1(base) REGISTER((base) + 0x00u)
#define USART_CR2(base) REGISTER((base) + 0x04u)
#define USART_CR3(base) REGISTER((base) + 0x08u)
#define USART_BRR(base) REGISTER((base) + 0x0cu)
#define USART_ISR(base) REGISTER((base) + 0x1cu)
#define USART_ICR(base) REGISTER((base) + 0x20u)
#define USART_RDR(base) REGISTER((base) + 0x24u)
#define USART_TDR(base) REGISTER((base) + 0x28u)
#define USART_CR1_UE (1u << 0)
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_CR1_FIFOEN (1u << 29)
#define USART_ISR_FE (1u << 1)
#define USART_ISR_NE (1u << 2)
#define USART_ISR_ORE (1u << 3)
#define USART_ISR_RXFNE (1u << 5)
#define USART_ISR_TXFNF (1u << 7)

/* clock.c: brings the system to full speed; what cannot be reached leaves a slower clock. */
void stm32h7_clock_init(void);

/* uart.c: needs the final clock. */
void stm32h7_uart_init(void);

#endif /* STM32H7_H */
