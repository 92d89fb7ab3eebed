/* QEMU MPS2 AN500 (Cortex-M7): what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_MPS2_AN500 1
#define IMSE_CLOCK_HZ 25000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 0
#define IMSE_OSCILLATOR_BYPASS 0
#define IMSE_SUPPLY_SMPS 0

/* UART0, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x40004000u
#define IMSE_UART_BAUD 921600u

#endif /* IMSE_BOARD_CONFIG_H */
