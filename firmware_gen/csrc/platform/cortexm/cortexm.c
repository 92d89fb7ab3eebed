#include "cortexm.h"

#include "imse_platform.h"

#define LINE_BYTES_LOG2 5u /* cache line of the Cortex-M7 */
#define GUARD_BYTES_LOG2 8u

#define PAINT 0xa5a5a5a5u

extern uint32_t __stack_guard__[], __stack_bottom__[], __stack_top__[];

void cortexm_enable_caches(void) {
    cortexm_barrier();
    SCB_ICIALLU = 0;
    cortexm_barrier();
    SCB_CCR |= CCR_IC;
    cortexm_barrier();

    /* After reset the data cache holds arbitrary tags: invalidate every set and way first. */
    SCB_CSSELR = 0;
    cortexm_barrier();
    const uint32_t geometry = SCB_CCSIDR;
    const uint32_t sets = geometry >> 13 & 0x7fffu, ways = geometry >> 3 & 0x3ffu;
    for (uint32_t set = 0; set <= sets; ++set) {
        for (uint32_t way = 0; way <= ways; ++way) {
            SCB_DCISW = way << 30 | set << LINE_BYTES_LOG2;
        }
    }
    cortexm_barrier();
    SCB_CCR |= CCR_DC;
    cortexm_barrier();
}

void cortexm_mpu_region(uint32_t number, uint32_t base, uint32_t log2_size, uint32_t attributes) {
    MPU_RNR = number;
    MPU_RBAR = base;
    MPU_RASR = attributes | (log2_size - 1u) << 1 | 1u;
}

void cortexm_mpu_enable(void) {
    cortexm_barrier();
    MPU_CTRL = MPU_CTRL_ON;
    cortexm_barrier();
}

void cortexm_guard_stack(void) {
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
    __asm volatile("msr msplim, %0" ::"r"(__stack_bottom__));
#else
    if (MPU_TYPE >> 8 & 0xffu) {
        cortexm_mpu_region(7, (uint32_t)(uintptr_t)__stack_guard__, GUARD_BYTES_LOG2,
                           MPU_NO_ACCESS);
        cortexm_mpu_enable();
    }
#endif
}

void cortexm_paint_stack(void) {
    const uint32_t *end = __builtin_frame_address(0);
    for (volatile uint32_t *word = __stack_bottom__; word < end; ++word) {
        *word = PAINT;
    }
}

uint32_t platform_stack_bytes(void) {
    return (uint32_t)((uintptr_t)__stack_top__ - (uintptr_t)__stack_bottom__);
}

uint32_t platform_stack_peak_bytes(void) {
    const volatile uint32_t *word = __stack_bottom__;
    while (word < __stack_top__ && *word == PAINT) {
        ++word;
    }
    return (uint32_t)((uintptr_t)__stack_top__ - (uintptr_t)word);
}

void platform_restart(void) {
    cortexm_barrier();
    SCB_AIRCR = AIRCR_SYSRESETREQ;
    cortexm_barrier();
    for (;;) {
    }
}
