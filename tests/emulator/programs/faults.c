/* Each case does one thing that must be reported with address and function. */
#include "board.h"

volatile uint32_t sink;

__attribute__((noinline)) void culprit(void) {
#if CASE == 1
    sink = REG(0x60000000); /* nothing there */
#elif CASE == 2
    REG(0x08001000) = 1; /* flash */
#elif CASE == 3
    sink = REG(0x40004400); /* USART2: not modelled, shares the page of USART3 */
#elif CASE == 4
    REG(0x40010000) = 1; /* TIM1: not modelled */
#elif CASE == 5
    __asm volatile("udf #0");
#elif CASE == 6
    ((void (*)(void))0x90000001u)();
#elif CASE == 7
    REG(0x40004828) = 'a';
    REG(0x40004828) = 'b'; /* without looking at TXE */
#elif CASE == 8
    REG(0xe000e010) = 7; /* SysTick interrupt */
#elif CASE == 9
    REG(0xe000e104) = 1u << 7; /* interrupt of USART3 */
#elif CASE == 10
    __asm volatile("svc #0");
#elif CASE == 11
    __asm volatile("bkpt #0");
#elif CASE == 12
    sink = REG(0x58024400 + 0x3f0); /* no such register of the RCC */
#elif CASE == 13
    REG(0xe000ed98) = 6;
    REG(0xe000ed9c) = 0;                       /* ITCM */
    REG(0xe000eda0) = 6u << 24 | 15u << 1 | 1; /* read only, 64 KB */
    REG(0x2000) = 0; /* the MPU is still off */
    REG(0xe000ed94) = 5;
    sink = REG(0x2000);
    REG(0x2000) = 1;
#elif CASE == 14
    REG(0xe000ef60) = 0;
    REG(0xe000ed14) |= 1u << 16; /* data cache, one line of which was cleared */
#elif CASE == 15
    REG(0xe000ed98) = 0;
    REG(0xe000ed9c) = 0x60000000; /* 1 GB: the processor takes 0x40000000 */
    REG(0xe000eda0) = 1u << 28 | 29u << 1 | 1;
#elif CASE == 16
    REG(0xe000ed98) = 0;
    REG(0xe000ed9c) = 0x40000000;
    REG(0xe000eda0) = 1u << 28 | 29u << 1 | 1;
    REG(0xe000ed94) = 5;
#elif CASE == 24 || CASE == 22
    uart_put('x');
#endif
}

int main(void) {
    culprit();
    for (;;) {
        uart_wait();
    }
}
