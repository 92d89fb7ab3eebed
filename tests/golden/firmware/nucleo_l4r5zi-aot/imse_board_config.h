/* ST NUCLEO-L4R5ZI: what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_STM32L4R5 1
#define IMSE_CLOCK_HZ 120000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 0
#define IMSE_OSCILLATOR_BYPASS 0
#define IMSE_SUPPLY_SMPS 0

/* LPUART1, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x40008000u
#define IMSE_UART_BAUD 921600u
#define IMSE_UART_TX_PORT 6u /* PG7 */
#define IMSE_UART_TX_PIN 7u
#define IMSE_UART_RX_PORT 6u /* PG8 */
#define IMSE_UART_RX_PIN 8u
#define IMSE_UART_IS_LPUART 1
#define IMSE_UART_ENABLE_REGISTER 0x4002105cu
#define IMSE_UART_ENABLE_BIT 0u
#define IMSE_UART_AF 8u

#endif /* IMSE_BOARD_CONFIG_H */
