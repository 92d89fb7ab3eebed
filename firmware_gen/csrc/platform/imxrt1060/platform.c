/*
 * 600 MHz out of the ARM PLL, the bus clock at 150 MHz, and LPUART1 from the 24 MHz crystal. The
 * boot ROM has set up the crystal and the flash interface.
 */
#include "imse_platform.h"

#include "imse_board_config.h"
#include "imxrt1060.h"

#define CRYSTAL_HZ 24000000u
#define WAIT_LIMIT 1000000u
#define PLL_DIVIDER (4u * IMSE_CLOCK_HZ / CRYSTAL_HZ) /* PLL = crystal * divider / 2, ARM = PLL / 2 */

#if IMSE_OSCILLATOR_HZ != 24000000
#error "the i.MX RT1060 needs a 24 MHz crystal"
#endif

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

void platform_early_init(void) {
    cortexm_take_over();
    WDOG1_WMCR = 0; /* no power down after 16 s */
    WDOG2_WMCR = 0;
    WDOG3_CNT = WDOG3_KEY;
    WDOG3_TOVAL = 0xffffu;
    WDOG3_CS = (WDOG3_CS & ~WDOG3_CS_EN) | WDOG3_CS_UPDATE;
}

static void clock_init(void) {
    clock_hz = CRYSTAL_HZ;
    DCDC_REG3 = (DCDC_REG3 & ~DCDC_REG3_TRG) | DCDC_REG3_TRG_1V275;
    /* From the crystal while the PLL is set up. */
    CCM_CBCDR &= ~CBCDR_PERIPH_CLK2_PODF;
    CCM_CBCMR = (CCM_CBCMR & ~CBCMR_PERIPH_CLK2_SEL) | CBCMR_PERIPH_CLK2_OSC;
    CCM_CBCDR |= CBCDR_PERIPH_CLK_SEL;
    if (!wait_for(&DCDC_REG0, DCDC_REG0_STS_DC_OK, DCDC_REG0_STS_DC_OK) ||
        !wait_for(&CCM_CDHIPR, CDHIPR_BUSY, 0)) {
        return;
    }
    CCM_ANALOG_PLL_ARM = PLL_ARM_BYPASS | PLL_ARM_ENABLE | PLL_DIVIDER;
    if (!wait_for(&CCM_ANALOG_PLL_ARM, PLL_ARM_LOCK, PLL_ARM_LOCK)) {
        return;
    }
    CCM_ANALOG_PLL_ARM &= ~PLL_ARM_BYPASS;
    CCM_CACRR = 1; /* PLL / 2 */
    CCM_CBCDR = (CCM_CBCDR & ~CBCDR_AHB_PODF) | CBCDR_IPG_PODF; /* bus clock / 4 */
    CCM_CBCMR = (CCM_CBCMR & ~CBCMR_PRE_PERIPH_CLK_SEL) | CBCMR_PRE_PERIPH_PLL_ARM;
    if (!wait_for(&CCM_CDHIPR, CDHIPR_BUSY, 0)) {
        return;
    }
    CCM_CBCDR &= ~CBCDR_PERIPH_CLK_SEL;
    if (wait_for(&CCM_CDHIPR, CDHIPR_BUSY, 0)) {
        clock_hz = IMSE_CLOCK_HZ;
    }
}

/* The divider pair nearest to the baud rate: the receiver samples 4 to 32 times a bit. */
static uint32_t baud_register(void) {
    uint32_t best = 0, best_error = UINT32_MAX;
    for (uint32_t samples = 8; samples <= 32u; ++samples) {
        const uint32_t step = samples * IMSE_UART_BAUD;
        const uint32_t divider = (CRYSTAL_HZ + step / 2u) / step;
        if (divider == 0) {
            continue;
        }
        const uint32_t baud = CRYSTAL_HZ / (samples * divider);
        const uint32_t error = baud > IMSE_UART_BAUD ? baud - IMSE_UART_BAUD : IMSE_UART_BAUD - baud;
        if (error < best_error) {
            best_error = error;
            best = (samples - 1u) << 24 | divider;
        }
    }
    return best;
}

static void uart_init(void) {
    CCM_CSCDR1 = (CCM_CSCDR1 & ~CSCDR1_UART_CLK) | CSCDR1_UART_CLK_OSC;
    CCM_CCGR5 |= CCGR5_LPUART1;
    const uint32_t pins[] = {16u * IMSE_UART_TX_PORT + IMSE_UART_TX_PIN,
                             16u * IMSE_UART_RX_PORT + IMSE_UART_RX_PIN};
    for (uint32_t i = 0; i < 2u; ++i) {
        IOMUXC_MUX(pins[i]) = IMSE_UART_AF;
        IOMUXC_PAD(pins[i]) = IOMUXC_PAD_UART;
    }
    LPUART_CTRL = 0;
    LPUART_BAUD = baud_register();
    LPUART_FIFO = LPUART_FIFO_RXFE | LPUART_FIFO_TXFE;
    LPUART_CTRL = LPUART_CTRL_RE | LPUART_CTRL_TE;
}

void platform_init(void) {
    /*
     * Of the external memories only the flash is there; the rest must not be prefetched. The MPU is
     * on, and this code runs from the flash: its region comes first.
     */
    cortexm_mpu_region(1, 0x60000000u, IMSE_FLASH_LOG2_SIZE, MPU_CODE_CACHED);
    cortexm_mpu_region(0, 0, 32, MPU_NO_EXTERNAL_MEMORY);
    cortexm_enable_caches();
    clock_init();
    cortexm_start_cycles();
    uart_init();
}

int platform_uart_read_byte(uint8_t *byte) {
    const uint32_t status = LPUART_STAT;
    if (status & LPUART_STAT_OR) {
        LPUART_STAT = LPUART_STAT_OR;
        return -1;
    }
    if (!(status & LPUART_STAT_RDRF)) {
        return 0;
    }
    *byte = (uint8_t)LPUART_DATA;
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t size) {
    while (size--) {
        while (!(LPUART_STAT & LPUART_STAT_TDRE)) {
        }
        LPUART_DATA = *data++;
    }
}
