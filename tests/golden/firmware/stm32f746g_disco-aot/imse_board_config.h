/* ST 32F746GDISCOVERY: what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_STM32F746 1
#define IMSE_CLOCK_HZ 216000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 25000000
#define IMSE_OSCILLATOR_BYPASS 0
#define IMSE_SUPPLY_SMPS 0

/* instruction tightly coupled memory: code alone, read only once it is copied. */
#define IMSE_HOT_CODE_ORIGIN 0x00000000u
#define IMSE_HOT_CODE_BYTES 16384u
#define IMSE_HOT_CODE_LOG2_SIZE 14u

/* USART1, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x40011000u
#define IMSE_UART_BAUD 921600u
#define IMSE_UART_TX_PORT 0u /* PA9 */
#define IMSE_UART_TX_PIN 9u
#define IMSE_UART_RX_PORT 1u /* PB7 */
#define IMSE_UART_RX_PIN 7u
#define IMSE_UART_ENABLE_REGISTER 0x40023844u
#define IMSE_UART_ENABLE_BIT 4u
#define IMSE_UART_AF 7u

#endif /* IMSE_BOARD_CONFIG_H */
