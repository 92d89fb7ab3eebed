/*
 * The UART to the host. It works by DMA only, and says how much has come only when a buffer is
 * full; so a timer counts the received bytes through the event system, without the processor.
 * Reception runs round a ring of two halves, each started by hardware when the other is full.
 */
#include "imse_board_config.h"
#include "imse_platform.h"
#include "nrf53.h"

#define HALF_BYTES 1024u
#define RING_BYTES (2u * HALF_BYTES)
#define CHUNK_BYTES 64u

#if IMSE_UART_BAUD == 921600
#define BAUDRATE 0x0f000000u
#elif IMSE_UART_BAUD == 1000000
#define BAUDRATE 0x10000000u
#elif IMSE_UART_BAUD == 115200
#define BAUDRATE 0x01d60000u
#else
#error "the UART has no such baud rate"
#endif

#define DMA_MEMORY __attribute__((section(".bss.imse_dma"), aligned(4)))

static uint8_t ring[RING_BYTES] DMA_MEMORY;
static uint8_t chunk[CHUNK_BYTES] DMA_MEMORY;
static uint32_t taken;     /* bytes handed out */
static uint32_t counted;   /* bytes that had come at the last look */
static uint32_t next_half; /* to be announced when the current one has started */

static uint32_t pin_select(uint32_t port, uint32_t pin) {
    return port << 5 | pin;
}

static void announce(uint32_t half) {
    UARTE_RXD_PTR = (uint32_t)(uintptr_t)(ring + half * HALF_BYTES);
    UARTE_RXD_MAXCNT = HALF_BYTES;
}

void nrf53_uart_init(void) {
    GPIO_OUTSET(IMSE_UART_TX_PORT) = 1u << IMSE_UART_TX_PIN;
    GPIO_DIRSET(IMSE_UART_TX_PORT) = 1u << IMSE_UART_TX_PIN;
    GPIO_PIN_CNF(IMSE_UART_RX_PORT, IMSE_UART_RX_PIN) = GPIO_PIN_CNF_INPUT_PULL_UP;
    UARTE_PSEL_TXD = pin_select(IMSE_UART_TX_PORT, IMSE_UART_TX_PIN);
    UARTE_PSEL_RXD = pin_select(IMSE_UART_RX_PORT, IMSE_UART_RX_PIN);
    UARTE_BAUDRATE = BAUDRATE;
    UARTE_CONFIG = 0;

    TIMER0_MODE = TIMER_MODE_LOW_POWER_COUNTER;
    TIMER0_BITMODE = TIMER_BITMODE_32;
    TIMER0_TASKS_CLEAR = 1;
    TIMER0_SUBSCRIBE_COUNT = DPPI_ENABLED | DPPI_CHANNEL;
    UARTE_PUBLISH_RXDRDY = DPPI_ENABLED | DPPI_CHANNEL;
    DPPIC_CHENSET = 1u << DPPI_CHANNEL;
    TIMER0_TASKS_START = 1;

    UARTE_SHORTS = UARTE_SHORTS_ENDRX_STARTRX;
    UARTE_ENABLE = UARTE_ENABLE_ON;
    announce(0);
    next_half = 1;
    UARTE_TASKS_STARTRX = 1;
}

int platform_uart_read_byte(uint8_t *byte) {
    if (UARTE_EVENTS_RXSTARTED) {
        UARTE_EVENTS_RXSTARTED = 0;
        announce(next_half);
        next_half ^= 1u;
    }
    if (UARTE_EVENTS_ERROR) {
        UARTE_EVENTS_ERROR = 0;
        UARTE_ERRORSRC = UARTE_ERRORSRC;
        return -1;
    }
    /* A byte counted just now may still be on its way to memory: hand out older ones. */
    const uint32_t settled = counted;
    TIMER0_TASKS_CAPTURE0 = 1;
    counted = TIMER0_CC0;
    if (counted - taken > HALF_BYTES) {
        taken = counted; /* the ring may have been overwritten */
        return -1;
    }
    if (settled == taken) {
        return 0;
    }
    *byte = *(volatile uint8_t *)(ring + taken % RING_BYTES);
    ++taken;
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t size) {
    while (size > 0) {
        const size_t n = size < CHUNK_BYTES ? size : CHUNK_BYTES;
        /* The DMA reads RAM only, and the data may lie in flash. */
        for (size_t i = 0; i < n; ++i) {
            ((volatile uint8_t *)chunk)[i] = data[i];
        }
        UARTE_TXD_PTR = (uint32_t)(uintptr_t)chunk;
        UARTE_TXD_MAXCNT = (uint32_t)n;
        UARTE_EVENTS_ENDTX = 0;
        UARTE_TASKS_STARTTX = 1;
        while (UARTE_EVENTS_ENDTX == 0) {
        }
        data += n;
        size -= n;
    }
}
