/* Raspberry Pi Pico 2: what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_RP2350 1
#define IMSE_CLOCK_HZ 150000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 12000000
#define IMSE_OSCILLATOR_BYPASS 0
#define IMSE_SUPPLY_SMPS 0

/* QSPI flash of the board through the XIP cache */
#define IMSE_FLASH_ORIGIN 0x10000000u
#define IMSE_FLASH_BYTES 4194304u
#define IMSE_FLASH_LOG2_SIZE 22u

/* UART0, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x40070000u
#define IMSE_UART_BAUD 921600u
#define IMSE_UART_TX_PORT 0u /* GPIO0 */
#define IMSE_UART_TX_PIN 0u
#define IMSE_UART_RX_PORT 0u /* GPIO1 */
#define IMSE_UART_RX_PIN 1u
#define IMSE_UART_AF 2u

#endif /* IMSE_BOARD_CONFIG_H */
