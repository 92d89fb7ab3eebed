/*
 * SAI1 of the STM32H743 (ST RM0433) as I2S at 16 kHz: block A drives clock, frame and the DAC,
 * block B listens to the microphone in step with it. 64 bits a frame, 1.024 MHz bit clock out of
 * PLL2; DMA1 moves the words, stream 0 to the DAC and stream 1 from the microphone.
 */
#include "imse_i2s.h"
#include "imse_platform.h"
#include "stm32.h"

/* Pins of the SAI, all on port E: frame, bit clock, data out, data in. */
#define PORT_E 4u
#define PIN_FS 4u
#define PIN_SCK 5u
#define PIN_SD_A 6u
#define PIN_SD_B 3u
#define AF_SAI1 6u

#define RCC_PLL2DIVR REGISTER(0x58024438u)
#define RCC_PLL2FRACR REGISTER(0x5802443cu)
#define RCC_D2CCIP1R REGISTER(0x58024450u)
#define RCC_CR_PLL2ON (1u << 26)
#define RCC_CR_PLL2RDY (1u << 27)
#define RCC_PLLCFGR_PLL2FRACEN (1u << 4)
#define RCC_PLLCFGR_PLL2_FIELDS (0xfu << 4)
#define RCC_PLLCFGR_PLL2RGE_8_16MHZ (3u << 6)
#define RCC_PLLCFGR_DIVP2EN (1u << 19)
#define RCC_D2CCIP1R_SAI1SEL_PLL2P 1u
#define RCC_AHB1ENR_DMA1EN (1u << 0)
#define RCC_APB2ENR_SAI1EN (1u << 22)

#define DMA1_LISR REGISTER(0x40020000u)
#define DMA1_LIFCR REGISTER(0x40020008u)
#define DMA1_CR(stream) REGISTER(0x40020010u + 0x18u * (stream))
#define DMA1_NDTR(stream) REGISTER(0x40020014u + 0x18u * (stream))
#define DMA1_PAR(stream) REGISTER(0x40020018u + 0x18u * (stream))
#define DMA1_M0AR(stream) REGISTER(0x4002001cu + 0x18u * (stream))
#define DMA1_FCR(stream) REGISTER(0x40020024u + 0x18u * (stream))
#define DMAMUX1_CCR(channel) REGISTER(0x40020800u + 4u * (channel))
#define DMA_CR_EN (1u << 0)
#define DMA_CR_ERRORS (1u << 1 | 1u << 2) /* direct mode error, transfer error */
#define DMA_CR_HTIE (1u << 3)
#define DMA_CR_TCIE (1u << 4)
#define DMA_CR_TO_PERIPHERAL (1u << 6)
/* Circular, memory counts up, 32 bits on both sides, high priority. */
#define DMA_CR_RING (1u << 8 | 1u << 10 | 2u << 11 | 2u << 13 | 2u << 16)
#define DMA_FLAGS(stream) (0x3du << 6u * (stream))
#define DMA_ERRORS(stream) (3u << 2u << 6u * (stream))
#define DMA_HTIF1 (1u << 10)
#define DMA_TCIF1 (1u << 11)
#define REQUEST_SAI1_A 87u
#define REQUEST_SAI1_B 88u
#define STREAM_OUT 0u
#define STREAM_IN 1u
#define IRQ_STREAM_OUT 11u
#define IRQ_STREAM_IN 12u
#define IRQ_SAI1 87u

#define SAI_A 0x40015804u
#define SAI_B 0x40015824u
#define SAI_CR1(block) REGISTER((block) + 0x00u)
#define SAI_CR2(block) REGISTER((block) + 0x04u)
#define SAI_FRCR(block) REGISTER((block) + 0x08u)
#define SAI_SLOTR(block) REGISTER((block) + 0x0cu)
#define SAI_IM(block) REGISTER((block) + 0x10u)
#define SAI_CLRFR(block) REGISTER((block) + 0x18u)
#define SAI_DR(block) ((block) + 0x1cu)
#define SAI_OVRUDR 1u /* a word was lost, or missing when it was to be sent */
#define SAI_CR1_MASTER_SEND 0u
#define SAI_CR1_SLAVE_RECEIVE 3u
#define SAI_CR1_32BIT (7u << 5)
#define SAI_CR1_CKSTR (1u << 9) /* change on the falling edge, sample on the rising one */
#define SAI_CR1_IN_STEP (1u << 10)
#define SAI_CR1_SAIEN (1u << 16)
#define SAI_CR1_DMAEN (1u << 17)
#define SAI_CR1_NODIV (1u << 19)
#define SAI_CR1_MCKDIV_SHIFT 20
#define SAI_CR2_FFLUSH (1u << 3)
#define SAI_CR2_MUTE (1u << 5)
/* Frame of 64 bits; the frame signal marks the side, is low on the left, one bit early. */
#define SAI_FRCR_I2S (63u | 31u << 8 | 1u << 16 | 1u << 18)
#define SAI_SLOTR_I2S (2u << 6 | 1u << 8 | 3u << 16) /* two slots of 32 bits, both used */

/* 8 MHz * (49 + 1245 / 8192) / 8 / 48 / 64 = 15,999.99 Hz. */
#define PLL2_N 49u
#define PLL2_FRACTION 1245u
#define PLL2_P 8u
#define SCK_DIVIDER 48u

static int start_pll2(void) {
    const uint32_t divider = RCC_PLLCKSELR >> 4 & 0x3fu; /* PLL1's, which makes 8 MHz */
    RCC_CR &= ~RCC_CR_PLL2ON;
    if (!stm32_wait_for(&RCC_CR, RCC_CR_PLL2RDY, 0)) {
        return 0;
    }
    RCC_PLLCKSELR = (RCC_PLLCKSELR & ~(0x3fu << 12)) | divider << 12;
    RCC_PLLCFGR = (RCC_PLLCFGR & ~RCC_PLLCFGR_PLL2_FIELDS) | RCC_PLLCFGR_PLL2RGE_8_16MHZ |
                  RCC_PLLCFGR_DIVP2EN;
    RCC_PLL2DIVR = (PLL2_N - 1u) | (PLL2_P - 1u) << 9 | 1u << 16 | 1u << 24;
    RCC_PLL2FRACR = PLL2_FRACTION << 3;
    RCC_PLLCFGR |= RCC_PLLCFGR_PLL2FRACEN;
    RCC_CR |= RCC_CR_PLL2ON;
    return stm32_wait_for(&RCC_CR, RCC_CR_PLL2RDY, RCC_CR_PLL2RDY);
}

static void set_up_stream(uint32_t stream, uint32_t request, uint32_t peripheral, uint32_t memory,
                          uint32_t control) {
    DMA1_CR(stream) = 0;
    (void)stm32_wait_for(&DMA1_CR(stream), DMA_CR_EN, 0);
    DMA1_LIFCR = DMA_FLAGS(stream);
    DMAMUX1_CCR(stream) = request;
    DMA1_PAR(stream) = peripheral;
    DMA1_M0AR(stream) = memory;
    DMA1_NDTR(stream) = 2u * IMSE_I2S_HALF_WORDS;
    DMA1_FCR(stream) = 0;
    DMA1_CR(stream) = DMA_CR_RING | DMA_CR_ERRORS | control;
    DMA1_CR(stream) |= DMA_CR_EN;
}

static void enable_interrupt(uint32_t number) {
    NVIC_ISER(number / 32u) = 1u << number % 32u;
}

int imse_i2s_start(uint32_t *recorded, const uint32_t *played) {
    if (!start_pll2()) {
        return 0;
    }
    RCC_D2CCIP1R = (RCC_D2CCIP1R & ~7u) | RCC_D2CCIP1R_SAI1SEL_PLL2P;
    RCC_AHB1ENR |= RCC_AHB1ENR_DMA1EN;
    RCC_APB2ENR |= RCC_APB2ENR_SAI1EN;
    (void)RCC_APB2ENR;
    stm32_pin_function(PORT_E, PIN_FS, AF_SAI1, STM32_NO_PULL, STM32_SPEED_MEDIUM);
    stm32_pin_function(PORT_E, PIN_SCK, AF_SAI1, STM32_NO_PULL, STM32_SPEED_MEDIUM);
    stm32_pin_function(PORT_E, PIN_SD_A, AF_SAI1, STM32_NO_PULL, STM32_SPEED_MEDIUM);
    /* The microphone lets go of the line in the other slot. */
    stm32_pin_function(PORT_E, PIN_SD_B, AF_SAI1, STM32_PULL_DOWN, STM32_SPEED_MEDIUM);

    set_up_stream(STREAM_OUT, REQUEST_SAI1_A, SAI_DR(SAI_A), (uint32_t)(uintptr_t)played,
                  DMA_CR_TO_PERIPHERAL);
    set_up_stream(STREAM_IN, REQUEST_SAI1_B, SAI_DR(SAI_B), (uint32_t)(uintptr_t)recorded,
                  DMA_CR_HTIE | DMA_CR_TCIE);
    enable_interrupt(IRQ_STREAM_OUT);
    enable_interrupt(IRQ_STREAM_IN);
    enable_interrupt(IRQ_SAI1);

    const uint32_t common = SAI_CR1_32BIT | SAI_CR1_CKSTR | SAI_CR1_DMAEN;
    SAI_CR1(SAI_A) = common | SAI_CR1_MASTER_SEND | SAI_CR1_NODIV |
                     SCK_DIVIDER << SAI_CR1_MCKDIV_SHIFT;
    SAI_CR1(SAI_B) = common | SAI_CR1_SLAVE_RECEIVE | SAI_CR1_IN_STEP;
    for (uint32_t block = SAI_A; block <= SAI_B; block += SAI_B - SAI_A) {
        SAI_CR2(block) = SAI_CR2_FFLUSH;
        SAI_FRCR(block) = SAI_FRCR_I2S;
        SAI_SLOTR(block) = SAI_SLOTR_I2S;
        SAI_CLRFR(block) = SAI_OVRUDR;
        SAI_IM(block) = SAI_OVRUDR;
    }
    /* The listener first, so that it hears the first frame of the clock's owner. */
    SAI_CR1(SAI_B) |= SAI_CR1_SAIEN;
    SAI_CR1(SAI_A) |= SAI_CR1_SAIEN;
    return 1;
}

void imse_i2s_mute(void) {
    SAI_CR2(SAI_A) = SAI_CR2_MUTE;
}

void DMA1_Stream0_IRQHandler(void);
void DMA1_Stream1_IRQHandler(void);
void SAI1_IRQHandler(void);

/* The streams stop by themselves at a transfer error. */
static void check(uint32_t stream) {
    if (DMA1_LISR & DMA_ERRORS(stream)) {
        DMA1_LIFCR = DMA_ERRORS(stream);
        imse_i2s_failed();
    }
}

void DMA1_Stream0_IRQHandler(void) {
    check(STREAM_OUT);
    (void)DMA1_LISR; /* the clearing has arrived before the handler ends */
}

void DMA1_Stream1_IRQHandler(void) {
    check(STREAM_IN);
    const uint32_t flags = DMA1_LISR & (DMA_HTIF1 | DMA_TCIF1);
    DMA1_LIFCR = flags;
    if (flags == (DMA_HTIF1 | DMA_TCIF1)) {
        /* Late: the half that is being filled again is the one that was filled first. */
        const uint32_t first = DMA1_NDTR(STREAM_IN) > IMSE_I2S_HALF_WORDS ? 0u : 1u;
        imse_i2s_half_done(first);
        imse_i2s_half_done(first ^ 1u);
    } else if (flags) {
        imse_i2s_half_done(flags == DMA_TCIF1);
    }
    (void)DMA1_LISR;
}

void SAI1_IRQHandler(void) {
    SAI_IM(SAI_A) = 0; /* one lost word says it all; a stream that stopped would lose every one */
    SAI_IM(SAI_B) = 0;
    imse_i2s_failed();
    (void)SAI_IM(SAI_B);
}
