/*
 * What the STM32 families share: pins, the UART to the host, waiting with a limit. Each family
 * names its addresses in stm32_family.h and brings its own clock tree.
 */
#ifndef STM32_H
#define STM32_H

#include "cortexm.h"
#include "stm32_family.h"

/* General purpose input and output: port 0 is A. */
#define GPIO_PORT(port) (STM32_GPIO_BASE + 0x400u * (port))
#define GPIO_MODER(port) REGISTER(GPIO_PORT(port) + 0x00u)
#define GPIO_OSPEEDR(port) REGISTER(GPIO_PORT(port) + 0x08u)
#define GPIO_PUPDR(port) REGISTER(GPIO_PORT(port) + 0x0cu)
#define GPIO_AFR(port, pin) REGISTER(GPIO_PORT(port) + 0x20u + 4u * ((pin) / 8u))

#define STM32_NO_PULL 0u
#define STM32_PULL_UP 1u
#define STM32_PULL_DOWN 2u
#define STM32_SPEED_MEDIUM 1u
#define STM32_SPEED_VERY_HIGH 3u

/* Switches a pin to an alternate function; its port's clock is switched on. */
void stm32_pin_function(uint32_t port, uint32_t pin, uint32_t function, uint32_t pull,
                        uint32_t speed);

/* Waits until the masked register has the value; 0 when it does not come. */
int stm32_wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value);

/* usart.c: needs the final clock. */
void stm32_uart_init(void);

/* The family's clock.c: to full speed; what cannot be reached leaves a slower clock. */
void stm32_clock_init(void);

/* The family's clock.c: kernel clock of the UART to the host, in hertz. */
uint32_t stm32_uart_clock_hz(void);

#endif /* STM32_H */
