/* Nordic nRF5340 DK: what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_NRF5340 1
#define IMSE_CLOCK_HZ 128000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 32000000
#define IMSE_OSCILLATOR_BYPASS 0
#define IMSE_SUPPLY_SMPS 0

/* UARTE0, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x50008000u
#define IMSE_UART_BAUD 921600u
#define IMSE_UART_TX_PORT 0u /* P0.20 */
#define IMSE_UART_TX_PIN 20u
#define IMSE_UART_RX_PORT 0u /* P0.22 */
#define IMSE_UART_RX_PIN 22u

#endif /* IMSE_BOARD_CONFIG_H */
