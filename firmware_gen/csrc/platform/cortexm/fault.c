/* Faults end here: report over the UART, on a stack of its own, until the host restarts us. */
#include "cortexm.h"
#include "imse_service.h"

#define PC_IN_FRAME 6 /* r0 r1 r2 r3 r12 lr pc xpsr */
#define FAULT_STACK_WORDS 128

/* The main stack may be what overflowed. */
__attribute__((used, aligned(8))) static uint64_t fault_stack[FAULT_STACK_WORDS / 2];

void Fault_Handler(void);

__attribute__((used, noreturn)) static void report_fault(const uint32_t *frame) {
    const uint32_t cfsr = SCB_CFSR, hfsr = SCB_HFSR;
    const uint32_t pc = cfsr & (CFSR_STACKING | CFSR_STKOF) ? 0 : frame[PC_IN_FRAME];
    imse_service_fault(pc, cfsr, hfsr);
}

__attribute__((naked)) void Fault_Handler(void) {
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
    __asm volatile("movs r0, #0\n\tmsr msplim, r0");
#endif
    __asm volatile("mrs r0, msp\n\t"
                   "ldr r1, =fault_stack + %c0\n\t"
                   "msr msp, r1\n\t"
                   "b report_fault\n\t"
                   ".ltorg" ::"i"(sizeof fault_stack));
}
