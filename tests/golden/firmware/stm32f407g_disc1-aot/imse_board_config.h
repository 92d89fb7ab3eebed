/* ST STM32F407G-DISC1: what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_STM32F407 1
#define IMSE_CLOCK_HZ 168000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 8000000
#define IMSE_OSCILLATOR_BYPASS 0
#define IMSE_SUPPLY_SMPS 0

/* USART2, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x40004400u
#define IMSE_UART_BAUD 921600u
#define IMSE_UART_TX_PORT 0u /* PA2 */
#define IMSE_UART_TX_PIN 2u
#define IMSE_UART_RX_PORT 0u /* PA3 */
#define IMSE_UART_RX_PIN 3u
#define IMSE_UART_ENABLE_REGISTER 0x40023840u
#define IMSE_UART_ENABLE_BIT 17u
#define IMSE_UART_AF 7u

#endif /* IMSE_BOARD_CONFIG_H */
