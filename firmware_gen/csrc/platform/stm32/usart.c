/*
 * The UART to the host, polled. Two generations: the STM32F4's with SR and DR, and the later one
 * with ISR, RDR and TDR, whose FIFOs are used where they exist.
 */
#include "imse_board_config.h"
#include "imse_platform.h"
#include "stm32.h"

#define UART(offset) REGISTER(IMSE_UART_BASE + (offset))

#define USART_FE (1u << 1)
#define USART_NE (1u << 2)
#define USART_ORE (1u << 3)
#define USART_RXNE (1u << 5)
#define USART_TXE (1u << 7)

#if STM32_USART_GENERATION == 1
#define USART_STATUS UART(0x00u)
#define USART_RECEIVE UART(0x04u)
#define USART_TRANSMIT UART(0x04u)
#define USART_BRR UART(0x08u)
#define USART_CR1 UART(0x0cu)
#define USART_CR2 UART(0x10u)
#define USART_CR3 UART(0x14u)
#define USART_CR1_UE (1u << 13)
#else
#define USART_CR1 UART(0x00u)
#define USART_CR2 UART(0x04u)
#define USART_CR3 UART(0x08u)
#define USART_BRR UART(0x0cu)
#define USART_STATUS UART(0x1cu)
#define USART_ICR UART(0x20u)
#define USART_RECEIVE UART(0x24u)
#define USART_TRANSMIT UART(0x28u)
#define USART_CR1_UE (1u << 0)
#endif
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_CR1_FIFOEN (STM32_USART_HAS_FIFO ? 1u << 29 : 0u)

/* The low-power UART divides 256 times its clock. */
static uint32_t baud_divider(void) {
    const uint32_t hz = stm32_uart_clock_hz();
#ifdef IMSE_UART_IS_LPUART
    return (uint32_t)((256ull * hz + IMSE_UART_BAUD / 2u) / IMSE_UART_BAUD);
#else
    return (hz + IMSE_UART_BAUD / 2u) / IMSE_UART_BAUD;
#endif
}

void stm32_uart_init(void) {
    stm32_pin_function(IMSE_UART_TX_PORT, IMSE_UART_TX_PIN, IMSE_UART_AF, STM32_NO_PULL,
                       STM32_SPEED_MEDIUM);
    stm32_pin_function(IMSE_UART_RX_PORT, IMSE_UART_RX_PIN, IMSE_UART_AF, STM32_PULL_UP,
                       STM32_SPEED_MEDIUM);
    REGISTER(IMSE_UART_ENABLE_REGISTER) |= 1u << IMSE_UART_ENABLE_BIT;
    (void)REGISTER(IMSE_UART_ENABLE_REGISTER);
    USART_CR1 = 0;
    USART_CR2 = 0;
    USART_CR3 = 0;
    USART_BRR = baud_divider();
    USART_CR1 = USART_CR1_FIFOEN | USART_CR1_RE | USART_CR1_TE;
    USART_CR1 |= USART_CR1_UE;
}

int platform_uart_read_byte(uint8_t *byte) {
    const uint32_t status = USART_STATUS;
    if (status & USART_ORE) {
#if STM32_USART_GENERATION == 1
        (void)USART_RECEIVE; /* reading status and data clears the flags */
#else
        USART_ICR = USART_ORE | USART_FE | USART_NE;
#endif
        return -1;
    }
    if (!(status & USART_RXNE)) {
        return 0;
    }
    *byte = (uint8_t)USART_RECEIVE;
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t size) {
    while (size--) {
        while (!(USART_STATUS & USART_TXE)) {
        }
        USART_TRANSMIT = *data++;
    }
}
