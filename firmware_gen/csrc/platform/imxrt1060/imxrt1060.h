/* Registers of the i.MX RT1062 (NXP i.MX RT1060 Reference Manual) that the platform uses. */
#ifndef IMXRT1060_H
#define IMXRT1060_H

#include "cortexm.h"

/* Step-down converter of the core. */
#define DCDC_REG0 REGISTER(0x40080000u)
#define DCDC_REG3 REGISTER(0x4008000cu)
#define DCDC_REG0_STS_DC_OK (1u << 31)
#define DCDC_REG3_TRG 0x1fu
#define DCDC_REG3_TRG_1V275 0x13u /* 0.8 V + 25 mV each; what 600 MHz needs */

/* Watchdogs: 1 and 2 have 16-bit registers, 3 runs after reset. */
#define WDOG1_WMCR (*(volatile uint16_t *)0x400b8008u)
#define WDOG2_WMCR (*(volatile uint16_t *)0x400d0008u)
#define WDOG3_CS REGISTER(0x400bc000u)
#define WDOG3_CNT REGISTER(0x400bc004u)
#define WDOG3_TOVAL REGISTER(0x400bc008u)
#define WDOG3_KEY 0xd928c520u
#define WDOG3_CS_UPDATE (1u << 5)
#define WDOG3_CS_EN (1u << 7)

/* Clocks. */
#define CCM_ANALOG_PLL_ARM REGISTER(0x400d8000u)
#define PLL_ARM_ENABLE (1u << 13)
#define PLL_ARM_BYPASS (1u << 16)
#define PLL_ARM_LOCK (1u << 31)
#define CCM_CACRR REGISTER(0x400fc010u)
#define CCM_CBCDR REGISTER(0x400fc014u)
#define CCM_CBCMR REGISTER(0x400fc018u)
#define CCM_CSCDR1 REGISTER(0x400fc024u)
#define CCM_CDHIPR REGISTER(0x400fc048u)
#define CCM_CCGR5 REGISTER(0x400fc07cu)
#define CBCDR_IPG_PODF (3u << 8)
#define CBCDR_AHB_PODF (7u << 10)
#define CBCDR_PERIPH_CLK_SEL (1u << 25)
#define CBCDR_PERIPH_CLK2_PODF (7u << 27)
#define CBCMR_PERIPH_CLK2_SEL (3u << 12)
#define CBCMR_PERIPH_CLK2_OSC (1u << 12)
#define CBCMR_PRE_PERIPH_CLK_SEL (3u << 18)
#define CBCMR_PRE_PERIPH_PLL_ARM (3u << 18)
#define CSCDR1_UART_CLK (1u << 6 | 0x3fu) /* selection and divider */
#define CSCDR1_UART_CLK_OSC (1u << 6)
#define CDHIPR_BUSY 0x1002bu /* handshakes of the dividers and of the peripheral clock */
#define CCGR5_LPUART1 (3u << 24)

/* Pins of the AD_B0 and AD_B1 banks, counted through. */
#define IOMUXC_MUX(pin) REGISTER(0x401f80bcu + 4u * (pin))
#define IOMUXC_PAD(pin) REGISTER(0x401f82acu + 4u * (pin))
#define IOMUXC_PAD_UART 0x10b0u /* keeper, 100 MHz, medium drive */

/* Low-power UART. */
#define LPUART(offset) REGISTER(IMSE_UART_BASE + (offset))
#define LPUART_BAUD LPUART(0x10u)
#define LPUART_STAT LPUART(0x14u)
#define LPUART_CTRL LPUART(0x18u)
#define LPUART_DATA LPUART(0x1cu)
#define LPUART_FIFO LPUART(0x28u)
#define LPUART_STAT_OR (1u << 19)
#define LPUART_STAT_RDRF (1u << 21)
#define LPUART_STAT_TDRE (1u << 23)
#define LPUART_CTRL_RE (1u << 18)
#define LPUART_CTRL_TE (1u << 19)
#define LPUART_FIFO_RXFE (1u << 3)
#define LPUART_FIFO_TXFE (1u << 7)

#endif /* IMXRT1060_H */
