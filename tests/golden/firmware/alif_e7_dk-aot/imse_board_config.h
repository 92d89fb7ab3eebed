/* Alif Ensemble E7 DevKit: what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_ALIF_E7_HP 1
#define IMSE_CLOCK_HZ 400000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 0
#define IMSE_OSCILLATOR_BYPASS 0
#define IMSE_SUPPLY_SMPS 0

/* instruction tightly coupled memory of the core: code alone, read only once it is copied. */
#define IMSE_HOT_CODE_ORIGIN 0x00000000u
#define IMSE_HOT_CODE_BYTES 262144u
#define IMSE_HOT_CODE_LOG2_SIZE 18u

/* UART2, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x4901a000u
#define IMSE_UART_BAUD 921600u
#define IMSE_UART_TX_PORT 1u /* P1_1 */
#define IMSE_UART_TX_PIN 1u
#define IMSE_UART_RX_PORT 1u /* P1_0 */
#define IMSE_UART_RX_PIN 0u
#define IMSE_UART_AF 1u

#endif /* IMSE_BOARD_CONFIG_H */
