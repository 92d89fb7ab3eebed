/* ST NUCLEO-H7A3ZI-Q: what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_STM32H7A3 1
#define IMSE_CLOCK_HZ 280000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 8000000
#define IMSE_OSCILLATOR_BYPASS 1
#define IMSE_SUPPLY_SMPS 1

/* instruction tightly coupled memory: code alone, read only once it is copied. */
#define IMSE_HOT_CODE_ORIGIN 0x00000000u
#define IMSE_HOT_CODE_BYTES 65536u
#define IMSE_HOT_CODE_LOG2_SIZE 16u

/* USART3, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x40004800u
#define IMSE_UART_BAUD 921600u
#define IMSE_UART_TX_PORT 3u /* PD8 */
#define IMSE_UART_TX_PIN 8u
#define IMSE_UART_RX_PORT 3u /* PD9 */
#define IMSE_UART_RX_PIN 9u
#define IMSE_UART_ENABLE_REGISTER 0x58024548u
#define IMSE_UART_ENABLE_BIT 18u
#define IMSE_UART_AF 7u

#endif /* IMSE_BOARD_CONFIG_H */
