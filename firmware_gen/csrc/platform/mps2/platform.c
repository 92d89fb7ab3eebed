/* Arm MPS2 and MPS3 FPGA images as QEMU models them (AN386, AN500, AN547): CMSDK UART, SysTick. */
#include "imse_platform.h"

#include "cortexm.h"
#include "imse_board_config.h"

#define UART_DATA REGISTER(IMSE_UART_BASE + 0x00u)
#define UART_STATE REGISTER(IMSE_UART_BASE + 0x04u)
#define UART_CTRL REGISTER(IMSE_UART_BASE + 0x08u)
#define UART_BAUDDIV REGISTER(IMSE_UART_BASE + 0x10u)
#define UART_STATE_TX_FULL (1u << 0)
#define UART_STATE_RX_FULL (1u << 1)
#define UART_STATE_RX_OVERRUN (1u << 3)
#define UART_CTRL_TX_RX 3u
#define UART_BAUDDIV_MIN 16u

void platform_early_init(void) {
}

void platform_init(void) {
    const uint32_t divider = IMSE_CLOCK_HZ / IMSE_UART_BAUD;
    UART_BAUDDIV = divider < UART_BAUDDIV_MIN ? UART_BAUDDIV_MIN : divider;
    UART_CTRL = UART_CTRL_TX_RX;
    cortexm_start_cycles();
}

uint32_t platform_clock_hz(void) {
    return IMSE_CLOCK_HZ;
}

int platform_uart_read_byte(uint8_t *byte) {
    const uint32_t state = UART_STATE;
    if (state & UART_STATE_RX_OVERRUN) {
        UART_STATE = UART_STATE_RX_OVERRUN;
        return -1;
    }
    if (!(state & UART_STATE_RX_FULL)) {
        return 0;
    }
    *byte = (uint8_t)UART_DATA;
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t size) {
    while (size--) {
        while (UART_STATE & UART_STATE_TX_FULL) {
        }
        UART_DATA = *data++;
    }
}
