/*
 * SDRAM of the STM32H747I-DISCO: ISSI IS42S32800J, 32 bits wide, 32 Mbyte, second bank of the FMC
 * (SDNE1, SDCKE1). Times are for 100 MHz, half the AHB clock of 200 MHz; slower clocks keep them.
 */
#include "imse_board_config.h"
#include "stm32.h"

#ifdef IMSE_SDRAM_ORIGIN

#define FMC_BCR1 REGISTER(0x52004000u)
#define FMC_SDCR1 REGISTER(0x52004140u)
#define FMC_SDCR2 REGISTER(0x52004144u)
#define FMC_SDTR1 REGISTER(0x52004148u)
#define FMC_SDTR2 REGISTER(0x5200414cu)
#define FMC_SDCMR REGISTER(0x52004150u)
#define FMC_SDRTR REGISTER(0x52004154u)
#define FMC_SDSR REGISTER(0x52004158u)
#define FMC_BCR1_FMCEN (1u << 31)
#define FMC_SDSR_BUSY (1u << 5)

/* 9 column bits, 12 row bits, 32 data bits, 4 banks, CAS latency 3. */
#define GEOMETRY (1u << 0 | 1u << 2 | 2u << 4 | 1u << 6 | 3u << 7)
/* Shared by both banks and read from the first one's register: kernel clock / 2, read bursts. */
#define CLOCK (2u << 10 | 1u << 12)
/* Clock cycles less one: mode register 2, self-refresh exit 7, row active 4, write recovery 2,
 * row-to-column delay 2; for both banks row cycle 7 and precharge 2. */
#define TIMING ((2u - 1u) << 0 | (7u - 1u) << 4 | (4u - 1u) << 8 | (2u - 1u) << 16 | (2u - 1u) << 24)
#define TIMING_BOTH ((7u - 1u) << 12 | (2u - 1u) << 20)

#define COMMAND_CLOCK 1u
#define COMMAND_PRECHARGE_ALL 2u
#define COMMAND_AUTO_REFRESH 3u
#define COMMAND_LOAD_MODE 4u
#define COMMAND_BANK2 (1u << 3)
#define COMMAND_REFRESHES(n) (((n)-1u) << 5)
#define COMMAND_MODE(mode) ((mode) << 9)
/* Burst length 1, sequential, CAS latency 3, single write. */
#define MODE 0x230u

#define REFRESH_COUNT_SHIFT 1
#define ROWS 4096u
#define REFRESH_PERIOD_MS 64u
#define REFRESH_MARGIN 20u /* cycles that the controller may need to finish an access */
#define RESET_AHB_HZ 64000000u
#define POWER_UP_LOOPS 6400u /* 100 us at 64 MHz, one loop takes more than one cycle */

#define AF_FMC 12u

/* Bits are pins of ports D to I that carry the SDRAM's signals. */
static const uint16_t pins[] = {0xc703u, 0xff83u, 0xf83fu, 0x8137u, 0xffe0u, 0x06ffu};
#define FIRST_PORT 3u

static void command(uint32_t word) {
    FMC_SDCMR = word | COMMAND_BANK2;
    (void)stm32_wait_for(&FMC_SDSR, FMC_SDSR_BUSY, 0);
}

void stm32h7_sdram_refresh(uint32_t ahb_hz) {
    const uint32_t rows_per_s = ROWS * 1000u / REFRESH_PERIOD_MS;
    FMC_SDRTR = (ahb_hz / 2u / rows_per_s - REFRESH_MARGIN) << REFRESH_COUNT_SHIFT;
}

void stm32h7_sdram_init(void) {
    for (uint32_t i = 0; i < sizeof pins / sizeof pins[0]; ++i) {
        for (uint32_t pin = 0; pin < 16u; ++pin) {
            if (pins[i] >> pin & 1u) {
                stm32_pin_function(FIRST_PORT + i, pin, AF_FMC, STM32_PULL_UP,
                                   STM32_SPEED_VERY_HIGH);
            }
        }
    }
    RCC_AHB3ENR |= RCC_AHB3ENR_FMCEN;
    (void)RCC_AHB3ENR;
    FMC_SDCR1 = CLOCK | GEOMETRY;
    FMC_SDCR2 = CLOCK | GEOMETRY;
    FMC_SDTR1 = TIMING_BOTH;
    FMC_SDTR2 = TIMING;
    FMC_BCR1 |= FMC_BCR1_FMCEN;
    command(COMMAND_CLOCK);
    for (volatile uint32_t i = 0; i < POWER_UP_LOOPS; ++i) {
    }
    command(COMMAND_PRECHARGE_ALL);
    command(COMMAND_AUTO_REFRESH | COMMAND_REFRESHES(8u));
    command(COMMAND_LOAD_MODE | COMMAND_MODE(MODE));
    stm32h7_sdram_refresh(RESET_AHB_HZ);
}

#endif /* IMSE_SDRAM_ORIGIN */
