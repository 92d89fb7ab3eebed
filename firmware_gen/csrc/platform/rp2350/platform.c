/* 150 MHz out of the system PLL, for the peripherals too; the UART is an Arm PL011, polled. */
#include "imse_platform.h"

#include "imse_board_config.h"
#include "rp2350.h"

#define WAIT_LIMIT 1000000u
#define RING_OSCILLATOR_HZ 11000000u /* typical; what runs when the crystal does not start */
#define POST_DIVIDER1 5u
#define POST_DIVIDER2 2u
#define VCO_HZ (IMSE_CLOCK_HZ * POST_DIVIDER1 * POST_DIVIDER2)

#if IMSE_OSCILLATOR_HZ == 0 || VCO_HZ % IMSE_OSCILLATOR_HZ != 0
#error "the PLL does not make this clock from this crystal"
#endif

/* Marks the image as one for the Arm cores in secure state; the boot ROM looks for it. */
__attribute__((section(".imse_boot"), used)) static const uint32_t image_definition[] = {
    0xffffded3u, 0x10210142u, 0x000001ffu, 0x00000000u, 0xab123579u,
};

static uint32_t clock_hz;

uint32_t platform_clock_hz(void) {
    return clock_hz;
}

static int wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value) {
    for (uint32_t i = 0; i < WAIT_LIMIT; ++i) {
        if ((*reg & mask) == value) {
            return 1;
        }
    }
    return 0;
}

static int release(uint32_t blocks) {
    RESETS_RESET &= ~blocks;
    return wait_for(&RESETS_RESET_DONE, blocks, blocks);
}

void platform_early_init(void) {
    cortexm_take_over();
}

static void clock_init(void) {
    clock_hz = RING_OSCILLATOR_HZ;
    CLOCKS_CLK_PERI_CTRL = CLK_PERI_ENABLE;
    XOSC_STARTUP = (IMSE_OSCILLATOR_HZ / 1000u + 128u) / 256u; /* 1 ms */
    XOSC_CTRL = XOSC_CTRL_ENABLE_1_15MHZ;
    if (!wait_for(&XOSC_STATUS, XOSC_STATUS_STABLE, XOSC_STATUS_STABLE)) {
        return;
    }
    CLOCKS_CLK_SYS_CTRL = CLK_SYS_REF;
    if (!wait_for(&CLOCKS_CLK_SYS_SELECTED, 3u, 1u << CLK_SYS_REF)) {
        return;
    }
    CLOCKS_CLK_REF_CTRL = CLK_REF_XOSC;
    if (!wait_for(&CLOCKS_CLK_REF_SELECTED, 0xfu, 1u << CLK_REF_XOSC)) {
        return;
    }
    clock_hz = IMSE_OSCILLATOR_HZ;
    if (!release(RESET_PLL_SYS)) {
        return;
    }
    PLL_SYS_CS = 1; /* reference / 1 */
    PLL_SYS_FBDIV_INT = VCO_HZ / IMSE_OSCILLATOR_HZ;
    PLL_SYS_PWR &= ~(PLL_PWR_PD | PLL_PWR_VCOPD);
    if (!wait_for(&PLL_SYS_CS, PLL_CS_LOCK, PLL_CS_LOCK)) {
        return;
    }
    PLL_SYS_PRIM = POST_DIVIDER1 << 16 | POST_DIVIDER2 << 12;
    PLL_SYS_PWR &= ~PLL_PWR_POSTDIVPD;
    CLOCKS_CLK_SYS_CTRL = CLK_SYS_AUX_PLL_SYS;
    if (wait_for(&CLOCKS_CLK_SYS_SELECTED, 3u, 1u << CLK_SYS_AUX_PLL_SYS)) {
        clock_hz = IMSE_CLOCK_HZ;
    }
}

static void uart_init(void) {
    (void)release(RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_UART0);
    PADS_BANK0_GPIO(IMSE_UART_TX_PIN) = PAD_DRIVE_4MA;
    PADS_BANK0_GPIO(IMSE_UART_RX_PIN) = PAD_INPUT_ENABLE | PAD_PULL_UP | PAD_SCHMITT;
    IO_BANK0_GPIO_CTRL(IMSE_UART_TX_PIN) = IMSE_UART_AF;
    IO_BANK0_GPIO_CTRL(IMSE_UART_RX_PIN) = IMSE_UART_AF;
    /* Divider of 16 times the baud rate in 64ths. */
    const uint32_t divider = (4u * clock_hz + IMSE_UART_BAUD / 2u) / IMSE_UART_BAUD;
    UARTCR = 0;
    UARTIBRD = divider / 64u;
    UARTFBRD = divider % 64u;
    UARTLCR_H = UARTLCR_H_8BIT_FIFO;
    UARTCR = UARTCR_ON;
}

void platform_init(void) {
    clock_init();
    cortexm_start_cycles();
    uart_init();
}

int platform_uart_read_byte(uint8_t *byte) {
    if (UARTFR & UARTFR_RXFE) {
        return 0;
    }
    const uint32_t data = UARTDR;
    if (data & UARTDR_OE) {
        UARTRSR = 0;
        return -1;
    }
    *byte = (uint8_t)data;
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t size) {
    while (size--) {
        while (UARTFR & UARTFR_TXFF) {
        }
        UARTDR = *data++;
    }
}
