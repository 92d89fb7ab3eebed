/* ST NUCLEO-N657X0-Q: what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_STM32N657 1
#define IMSE_CLOCK_HZ 600000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 0
#define IMSE_OSCILLATOR_BYPASS 0
#define IMSE_SUPPLY_SMPS 0

/* instruction tightly coupled memory, no wait states: code alone, read only once it is copied. */
#define IMSE_HOT_CODE_ORIGIN 0x10000000u
#define IMSE_HOT_CODE_BYTES 65536u
#define IMSE_HOT_CODE_LOG2_SIZE 16u

/* USART1, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x52001000u
#define IMSE_UART_BAUD 921600u
#define IMSE_UART_TX_PORT 4u /* PE5 */
#define IMSE_UART_TX_PIN 5u
#define IMSE_UART_RX_PORT 4u /* PE6 */
#define IMSE_UART_RX_PIN 6u
#define IMSE_UART_ENABLE_REGISTER 0x5602826cu
#define IMSE_UART_ENABLE_BIT 4u
#define IMSE_UART_AF 7u

#endif /* IMSE_BOARD_CONFIG_H */
