/* Reset: FPU, memory contents, main(). */
#include "cortexm.h"
#include "imse_platform.h"

/* Written by the linker script: what to copy from flash and what to clear. */
typedef struct {
    const uint32_t *from;
    uint32_t *to;
    uint32_t *end;
} copy_entry_t;
typedef struct {
    uint32_t *begin;
    uint32_t *end;
} clear_entry_t;
extern const copy_entry_t __copy_table_start__[], __copy_table_end__[];
extern const clear_entry_t __clear_table_start__[], __clear_table_end__[];

extern const uint32_t __vectors__[];

typedef void (*constructor_t)(void);
extern const constructor_t __init_array_start[], __init_array_end[];

int main(void);
void Reset_Handler(void);

/* Kept apart so that no FPU instruction can move before the FPU is on. */
__attribute__((noinline, noreturn)) static void start(void) {
    platform_early_init();
    for (const copy_entry_t *entry = __copy_table_start__; entry != __copy_table_end__; ++entry) {
        const uint32_t *from = entry->from;
        for (uint32_t *to = entry->to; to != entry->end; ++to) {
            *to = *from++;
        }
    }
    for (const clear_entry_t *entry = __clear_table_start__; entry != __clear_table_end__;
         ++entry) {
        for (uint32_t *to = entry->begin; to != entry->end; ++to) {
            *to = 0;
        }
    }
    cortexm_barrier(); /* some of what was copied is code */
    cortexm_protect();
    cortexm_paint_stack();
    __asm volatile("cpsie i");
    for (const constructor_t *f = __init_array_start; f != __init_array_end; ++f) {
        (*f)();
    }
    main();
    platform_restart();
}

__attribute__((used, noreturn)) static void reset(void) {
    SCB_VTOR = (uint32_t)(uintptr_t)__vectors__;
    SCB_CPACR |= CPACR_FPU;
#if defined(__ARM_ARCH_8_1M_MAIN__) || defined(__ARM_FEATURE_MVE) /* GCC 12 has the latter only */
    SCB_CCR |= CCR_LOB | CCR_BP;
#endif
    cortexm_barrier();
    start();
}

/*
 * As after a reset, whoever has come here: a boot ROM, a first stage or a debugger may have left
 * another stack, a limit for it, and interrupts on.
 */
__attribute__((naked, noreturn)) void Reset_Handler(void) {
    __asm volatile("cpsid i\n\t"
                   "movs r0, #0\n\t"
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
                   "msr msplim, r0\n\t"
#endif
                   "msr control, r0\n\t"
                   "isb\n\t"
                   "ldr r0, =__stack_top__\n\t"
                   "msr msp, r0\n\t"
                   "b reset\n\t"
                   ".ltorg");
}
