/* The first sixteen entries of every vector table. */
#ifndef VECTORS_H
#define VECTORS_H

#include <stdint.h>

extern uint32_t __stack_top__[];

void Reset_Handler(void);
void NMI_Handler(void);
void Fault_Handler(void);
void SVC_Handler(void);
void PendSV_Handler(void);
void SysTick_Handler(void);

typedef union {
    void (*handler)(void);
    const void *stack;
} vector_t;

/* What handles an exception that nobody has defined: an alias must lie in the same file. */
__attribute__((naked, used)) static void unhandled(void) {
    __asm volatile("b Fault_Handler");
}

#define WEAK_HANDLER(name) __attribute__((weak, alias("unhandled"))) void name(void)

/* clang-format off */
#define CORE_VECTORS                                          \
    {.stack = __stack_top__}, {.handler = Reset_Handler},     \
    {.handler = NMI_Handler}, {.handler = Fault_Handler},     \
    {.handler = Fault_Handler}, {.handler = Fault_Handler},   \
    {.handler = Fault_Handler}, {.handler = Fault_Handler},   \
    {.handler = 0}, {.handler = 0}, {.handler = 0},           \
    {.handler = SVC_Handler}, {.handler = Fault_Handler},     \
    {.handler = 0}, {.handler = PendSV_Handler},              \
    {.handler = SysTick_Handler}
/* clang-format on */

#endif /* VECTORS_H */
