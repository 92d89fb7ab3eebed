/*
 * Alif Ensemble E7, high performance core. The secure enclave sets up clocks and memories before it
 * starts the image; here follow caches, pins and the UART (a 16550 with fractional divider).
 */
#include "imse_platform.h"

#include "cortexm.h"
#include "imse_board_config.h"

#define CLKCTL_PER_SLV_UART_CTRL REGISTER(0x4902f008u)
#define UART_CTRL_ENABLE(n) (1u << (n))
#define UART_CTRL_SYST_PCLK(n) (1u << (8u + (n)))
#define SYST_PCLK_HZ 100000000u

#define PINMUX(port, pin) REGISTER(0x1a603000u + 32u * (port) + 4u * (pin))
#define PINMUX_PAD_READ_ENABLE (1u << 16)

#define UART(offset) REGISTER(IMSE_UART_BASE + (offset))
#define UART_RBR_THR_DLL UART(0x00u)
#define UART_IER_DLH UART(0x04u)
#define UART_FCR UART(0x08u)
#define UART_LCR UART(0x0cu)
#define UART_LSR UART(0x14u)
#define UART_DLF UART(0xc0u)
#define UART_FCR_ON_CLEAR 7u
#define UART_LCR_8BIT 3u
#define UART_LCR_DLAB (1u << 7)
#define UART_LSR_DR (1u << 0)
#define UART_LSR_OE (1u << 1)
#define UART_LSR_THRE (1u << 5)

#define INSTANCE ((IMSE_UART_BASE - 0x49018000u) >> 12)

uint32_t platform_clock_hz(void) {
    return IMSE_CLOCK_HZ;
}

void platform_early_init(void) {
    cortexm_take_over();
}

static void uart_init(void) {
    CLKCTL_PER_SLV_UART_CTRL |= UART_CTRL_SYST_PCLK(INSTANCE);
    CLKCTL_PER_SLV_UART_CTRL |= UART_CTRL_ENABLE(INSTANCE);
    PINMUX(IMSE_UART_TX_PORT, IMSE_UART_TX_PIN) = IMSE_UART_AF;
    PINMUX(IMSE_UART_RX_PORT, IMSE_UART_RX_PIN) = PINMUX_PAD_READ_ENABLE | IMSE_UART_AF;
    /* Clock / (16 * baud) in 16ths. */
    const uint32_t divider = (SYST_PCLK_HZ + IMSE_UART_BAUD / 2u) / IMSE_UART_BAUD;
    UART_IER_DLH = 0;
    UART_LCR = UART_LCR_8BIT | UART_LCR_DLAB;
    UART_RBR_THR_DLL = divider / 16u & 0xffu;
    UART_IER_DLH = divider / 16u >> 8;
    UART_DLF = divider % 16u;
    UART_LCR = UART_LCR_8BIT;
    UART_FCR = UART_FCR_ON_CLEAR;
}

void platform_init(void) {
    cortexm_enable_caches();
    cortexm_start_cycles();
    uart_init();
}

int platform_uart_read_byte(uint8_t *byte) {
    const uint32_t status = UART_LSR;
    if (status & UART_LSR_OE) {
        return -1; /* reading the status has cleared it */
    }
    if (!(status & UART_LSR_DR)) {
        return 0;
    }
    *byte = (uint8_t)UART_RBR_THR_DLL;
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t size) {
    while (size--) {
        while (!(UART_LSR & UART_LSR_THRE)) {
        }
        UART_RBR_THR_DLL = *data++;
    }
}
