#include "stm32.h"

/* Far longer than any of the waits may take: a crystal needs milliseconds. */
#define WAIT_LIMIT 400000u

static void set_field(volatile uint32_t *reg, uint32_t mask, uint32_t shift, uint32_t value) {
    *reg = (*reg & ~(mask << shift)) | value << shift;
}

void stm32_pin_function(uint32_t port, uint32_t pin, uint32_t function, uint32_t pull,
                        uint32_t speed) {
    STM32_GPIO_ENABLE |= 1u << port;
    (void)STM32_GPIO_ENABLE;
    set_field(&GPIO_AFR(port, pin), 0xfu, 4u * (pin % 8u), function);
    set_field(&GPIO_PUPDR(port), 3u, 2u * pin, pull);
    set_field(&GPIO_OSPEEDR(port), 3u, 2u * pin, speed);
    set_field(&GPIO_MODER(port), 3u, 2u * pin, 2u);
}

int stm32_wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value) {
    for (uint32_t i = 0; i < WAIT_LIMIT; ++i) {
        if ((*reg & mask) == value) {
            return 1;
        }
    }
    return 0;
}
