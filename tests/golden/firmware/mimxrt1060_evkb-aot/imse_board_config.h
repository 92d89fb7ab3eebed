/* NXP MIMXRT1060-EVKB: what the platform sources need to know about the board. */
#ifndef IMSE_BOARD_CONFIG_H
#define IMSE_BOARD_CONFIG_H

#define IMSE_MCU_MIMXRT1062 1
#define IMSE_CLOCK_HZ 600000000u

/* External oscillator; 0 when the board has none. */
#define IMSE_OSCILLATOR_HZ 24000000
#define IMSE_OSCILLATOR_BYPASS 0
#define IMSE_SUPPLY_SMPS 0

/* FlexSPI configuration block and image vector table, read by the boot ROM */
#define IMSE_BOOT_ORIGIN 0x60000000u
#define IMSE_BOOT_BYTES 8192u
#define IMSE_BOOT_LOG2_SIZE 13u

/* QSPI flash behind the boot header */
#define IMSE_FLASH_ORIGIN 0x60002000u
#define IMSE_FLASH_BYTES 8380416u
#define IMSE_FLASH_LOG2_SIZE 23u

/* instruction tightly coupled memory: code alone, read only once it is copied. */
#define IMSE_HOT_CODE_ORIGIN 0x00000000u
#define IMSE_HOT_CODE_BYTES 131072u
#define IMSE_HOT_CODE_LOG2_SIZE 17u

/* LPUART1, 8 data bits, no parity, 1 stop bit. */
#define IMSE_UART_BASE 0x40184000u
#define IMSE_UART_BAUD 921600u
#define IMSE_UART_TX_PORT 0u /* GPIO_AD_B0_12 */
#define IMSE_UART_TX_PIN 12u
#define IMSE_UART_RX_PORT 0u /* GPIO_AD_B0_13 */
#define IMSE_UART_RX_PIN 13u
#define IMSE_UART_IS_LPUART 1
#define IMSE_UART_AF 2u

#endif /* IMSE_BOARD_CONFIG_H */
