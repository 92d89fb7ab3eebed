/* The UART to the host, polled, with the 16-byte FIFOs on. */
#include "imse_board_config.h"
#include "imse_platform.h"
#include "stm32h7.h"

#define UART IMSE_UART_BASE

#if IMSE_UART_BASE == 0x40011000 /* USART1 */
#define CLOCK_ENABLE RCC_APB2ENR
#define CLOCK_BIT (1u << 4)
#elif IMSE_UART_BASE == 0x40004400 /* USART2 */
#define CLOCK_ENABLE RCC_APB1LENR
#define CLOCK_BIT (1u << 17)
#elif IMSE_UART_BASE == 0x40004800 /* USART3 */
#define CLOCK_ENABLE RCC_APB1LENR
#define CLOCK_BIT (1u << 18)
#elif IMSE_UART_BASE == 0x40004c00 /* UART4 */
#define CLOCK_ENABLE RCC_APB1LENR
#define CLOCK_BIT (1u << 19)
#elif IMSE_UART_BASE == 0x40005000 /* UART5 */
#define CLOCK_ENABLE RCC_APB1LENR
#define CLOCK_BIT (1u << 20)
#elif IMSE_UART_BASE == 0x40011400 /* USART6 */
#define CLOCK_ENABLE RCC_APB2ENR
#define CLOCK_BIT (1u << 5)
#elif IMSE_UART_BASE == 0x40007800 /* UART7 */
#define CLOCK_ENABLE RCC_APB1LENR
#define CLOCK_BIT (1u << 30)
#elif IMSE_UART_BASE == 0x40007c00 /* UART8 */
#define CLOCK_ENABLE RCC_APB1LENR
#define CLOCK_BIT (1u << 31)
#else
#error "IMSE_UART_BASE is no USART or UART of the STM32H743"
#endif

/* The processor clock over 4, see the dividers in clock.c. */
#define KERNEL_CLOCK_DIVIDER 4u

static void select_function(uint32_t port, uint32_t pin, uint32_t pull_up) {
    RCC_AHB4ENR |= 1u << port;
    (void)RCC_AHB4ENR;
    const uint32_t shift = 4u * (pin % 8u);
    GPIO_AFR(port, pin) =
        (GPIO_AFR(port, pin) & ~(0xfu << shift)) | (uint32_t)IMSE_UART_AF << shift;
    GPIO_PUPDR(port) = (GPIO_PUPDR(port) & ~(3u << 2u * pin)) | pull_up << 2u * pin;
    GPIO_OSPEEDR(port) = (GPIO_OSPEEDR(port) & ~(3u << 2u * pin)) | 1u << 2u * pin;
    GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << 2u * pin)) | 2u << 2u * pin;
}

void stm32h7_uart_init(void) {
    select_function(IMSE_UART_TX_PORT, IMSE_UART_TX_PIN, 0);
    select_function(IMSE_UART_RX_PORT, IMSE_UART_RX_PIN, 1);
    CLOCK_ENABLE |= CLOCK_BIT;
    (void)CLOCK_ENABLE;
    RCC_D2CCIP2R &= ~(7u << 3 | 7u); /* all serial ports run from their bus clock */
    USART_CR1(UART) = 0;
    USART_CR2(UART) = 0;
    USART_CR3(UART) = 0;
    USART_BRR(UART) =
        (platform_clock_hz() / KERNEL_CLOCK_DIVIDER + IMSE_UART_BAUD / 2u) / IMSE_UART_BAUD;
    USART_CR1(UART) = USART_CR1_FIFOEN | USART_CR1_RE | USART_CR1_TE;
    USART_CR1(UART) |= USART_CR1_UE;
}

int platform_uart_read_byte(uint8_t *byte) {
    const uint32_t status = USART_ISR(UART);
    if (status & USART_ISR_ORE) {
        USART_ICR(UART) = USART_ISR_ORE | USART_ISR_FE | USART_ISR_NE;
        return -1;
    }
    if (!(status & USART_ISR_RXFNE)) {
        return 0;
    }
    *byte = (uint8_t)USART_RDR(UART);
    return 1;
}

void platform_uart_write(const uint8_t *data, size_t size) {
    while (size--) {
        while (!(USART_ISR(UART) & USART_ISR_TXFNF)) {
        }
        USART_TDR(UART) = *data++;
    }
}
