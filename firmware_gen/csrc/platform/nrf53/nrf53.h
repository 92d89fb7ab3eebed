/* Registers of the nRF5340's application core that the platform uses, at their secure addresses. */
#ifndef NRF53_H
#define NRF53_H

#include "cortexm.h"

/* Factory information: trim values, pairs of address and value. */
#define FICR_TRIMCNF_ADDR(i) REGISTER(0x00ff0300u + 8u * (i))
#define FICR_TRIMCNF_DATA(i) REGISTER(0x00ff0304u + 8u * (i))
#define FICR_TRIMCNF_COUNT 32u
#define FICR_EMPTY 0xffffffffu

/* Clocks. */
#define CLOCK_TASKS_HFCLKSTART REGISTER(0x50005000u)
#define CLOCK_EVENTS_HFCLKSTARTED REGISTER(0x50005100u)
#define CLOCK_HFCLKSRC REGISTER(0x50005514u)
#define CLOCK_HFCLKCTRL REGISTER(0x50005558u)
#define CLOCK_HFCLKSRC_HFXO 1u
#define CLOCK_HFCLKCTRL_DIV1 0u /* 128 MHz; 64 MHz after reset */

/* Cache of the flash. */
#define CACHE_ENABLE REGISTER(0x50001500u)

/* Pins: port 0 and 1. */
#define GPIO_PORT(port) (0x50842500u + 0x300u * (port))
#define GPIO_OUTSET(port) REGISTER(GPIO_PORT(port) + 0x008u)
#define GPIO_DIRSET(port) REGISTER(GPIO_PORT(port) + 0x018u)
#define GPIO_PIN_CNF(port, pin) REGISTER(GPIO_PORT(port) + 0x200u + 4u * (pin))
#define GPIO_PIN_CNF_INPUT_PULL_UP (3u << 2)

/* UART with DMA. */
#define UARTE(offset) REGISTER(IMSE_UART_BASE + (offset))
#define UARTE_TASKS_STARTRX UARTE(0x000u)
#define UARTE_TASKS_STARTTX UARTE(0x008u)
#define UARTE_EVENTS_ENDTX UARTE(0x120u)
#define UARTE_EVENTS_ERROR UARTE(0x124u)
#define UARTE_EVENTS_RXSTARTED UARTE(0x14cu)
#define UARTE_PUBLISH_RXDRDY UARTE(0x188u)
#define UARTE_SHORTS UARTE(0x200u)
#define UARTE_ERRORSRC UARTE(0x480u)
#define UARTE_ENABLE UARTE(0x500u)
#define UARTE_PSEL_TXD UARTE(0x50cu)
#define UARTE_PSEL_RXD UARTE(0x514u)
#define UARTE_BAUDRATE UARTE(0x524u)
#define UARTE_RXD_PTR UARTE(0x534u)
#define UARTE_RXD_MAXCNT UARTE(0x538u)
#define UARTE_TXD_PTR UARTE(0x544u)
#define UARTE_TXD_MAXCNT UARTE(0x548u)
#define UARTE_CONFIG UARTE(0x56cu)
#define UARTE_SHORTS_ENDRX_STARTRX (1u << 5)
#define UARTE_ENABLE_ON 8u

/* Timer 0 as a counter of received bytes, fed through the event system's channel 0. */
#define TIMER0_TASKS_START REGISTER(0x5000f000u)
#define TIMER0_TASKS_CLEAR REGISTER(0x5000f00cu)
#define TIMER0_TASKS_CAPTURE0 REGISTER(0x5000f040u)
#define TIMER0_SUBSCRIBE_COUNT REGISTER(0x5000f088u)
#define TIMER0_MODE REGISTER(0x5000f504u)
#define TIMER0_BITMODE REGISTER(0x5000f508u)
#define TIMER0_CC0 REGISTER(0x5000f540u)
#define TIMER_MODE_LOW_POWER_COUNTER 2u
#define TIMER_BITMODE_32 3u
#define DPPIC_CHENSET REGISTER(0x50017504u)
#define DPPI_CHANNEL 0u
#define DPPI_ENABLED (1u << 31)

/* uarte.c */
void nrf53_uart_init(void);

#endif /* NRF53_H */
