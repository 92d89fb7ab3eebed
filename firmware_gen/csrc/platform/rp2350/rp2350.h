/* Registers of the RP2350 (Raspberry Pi RP2350 Datasheet) that the platform uses. */
#ifndef RP2350_H
#define RP2350_H

#include "cortexm.h"

#define CLOCKS_CLK_REF_CTRL REGISTER(0x40010030u)
#define CLOCKS_CLK_REF_SELECTED REGISTER(0x40010038u)
#define CLOCKS_CLK_SYS_CTRL REGISTER(0x4001003cu)
#define CLOCKS_CLK_SYS_SELECTED REGISTER(0x40010044u)
#define CLOCKS_CLK_PERI_CTRL REGISTER(0x40010048u)
#define CLK_REF_XOSC 2u
#define CLK_SYS_REF 0u
#define CLK_SYS_AUX_PLL_SYS 1u /* auxiliary source 0 is the system PLL */
#define CLK_PERI_ENABLE (1u << 11)

#define RESETS_RESET REGISTER(0x40020000u)
#define RESETS_RESET_DONE REGISTER(0x40020008u)
#define RESET_IO_BANK0 (1u << 6)
#define RESET_PADS_BANK0 (1u << 9)
#define RESET_PLL_SYS (1u << 14)
#define RESET_UART0 (1u << 26)

#define IO_BANK0_GPIO_CTRL(pin) REGISTER(0x40028004u + 8u * (pin))
#define PADS_BANK0_GPIO(pin) REGISTER(0x40038004u + 4u * (pin))
#define PAD_PULL_UP (1u << 3)
#define PAD_DRIVE_4MA (1u << 4)
#define PAD_SCHMITT (1u << 1)
#define PAD_INPUT_ENABLE (1u << 6) /* the isolation bit, set after reset, is left out */

#define XOSC_CTRL REGISTER(0x40048000u)
#define XOSC_STATUS REGISTER(0x40048004u)
#define XOSC_STARTUP REGISTER(0x4004800cu)
#define XOSC_CTRL_ENABLE_1_15MHZ (0xfabu << 12 | 0xaa0u)
#define XOSC_STATUS_STABLE (1u << 31)

#define PLL_SYS_CS REGISTER(0x40050000u)
#define PLL_SYS_PWR REGISTER(0x40050004u)
#define PLL_SYS_FBDIV_INT REGISTER(0x40050008u)
#define PLL_SYS_PRIM REGISTER(0x4005000cu)
#define PLL_CS_LOCK (1u << 31)
#define PLL_PWR_PD (1u << 0)
#define PLL_PWR_POSTDIVPD (1u << 3)
#define PLL_PWR_VCOPD (1u << 5)

/* UART: Arm PL011. */
#define UART(offset) REGISTER(IMSE_UART_BASE + (offset))
#define UARTDR UART(0x00u)
#define UARTRSR UART(0x04u)
#define UARTFR UART(0x18u)
#define UARTIBRD UART(0x24u)
#define UARTFBRD UART(0x28u)
#define UARTLCR_H UART(0x2cu)
#define UARTCR UART(0x30u)
#define UARTDR_OE (1u << 11)
#define UARTFR_RXFE (1u << 4)
#define UARTFR_TXFF (1u << 5)
#define UARTLCR_H_8BIT_FIFO (3u << 5 | 1u << 4)
#define UARTCR_ON (1u << 0 | 1u << 8 | 1u << 9) /* UARTEN, TXE, RXE */

#endif /* RP2350_H */
