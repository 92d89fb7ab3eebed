#include "cortexm.h"

#include "imse_board_config.h"
#include "imse_platform.h"

#define GUARD_BYTES_LOG2 8u

#define PAINT 0xa5a5a5a5u

extern uint32_t __stack_guard__[], __stack_bottom__[], __stack_top__[];

void cortexm_enable_caches(void) {
    /*
     * After reset the data cache holds arbitrary tags, which must go. One that a boot ROM has left
     * on may hold data that memory has not: that must be written back.
     */
    volatile uint32_t *const line = SCB_CCR & CCR_DC ? &SCB_DCCISW : &SCB_DCISW;
    SCB_CCR &= ~CCR_DC;
    SCB_CSSELR = 0;
    cortexm_barrier();
    const uint32_t geometry = SCB_CCSIDR;
    const uint32_t sets = geometry >> 13 & 0x7fffu, ways = geometry >> 3 & 0x3ffu;
    const uint32_t way_shift = (uint32_t)__builtin_clz(ways);
    for (uint32_t set = 0; set <= sets; ++set) {
        for (uint32_t way = 0; way <= ways; ++way) {
            *line = way << way_shift | set << CACHE_LINE_BYTES_LOG2;
        }
    }
    SCB_ICIALLU = 0;
    cortexm_barrier();
    SCB_CCR |= CCR_IC | CCR_DC;
    cortexm_barrier();
}

static void maintain(volatile uint32_t *line, const volatile void *data, uint32_t bytes) {
    const uint32_t end = (uint32_t)(uintptr_t)data + bytes;
    uint32_t address = (uint32_t)(uintptr_t)data & ~(CACHE_LINE_BYTES - 1u);
    cortexm_barrier();
    for (; address < end; address += CACHE_LINE_BYTES) {
        *line = address;
    }
    cortexm_barrier();
}

void cortexm_clean(const volatile void *data, uint32_t bytes) {
    maintain(&SCB_DCCMVAC, data, bytes);
}

void cortexm_invalidate(volatile void *data, uint32_t bytes) {
    maintain(&SCB_DCIMVAC, data, bytes);
}

void cortexm_take_over(void) {
    SYSTICK_CSR = 0;
    for (uint32_t n = 0; n < NVIC_WORDS; ++n) {
        NVIC_ICER(n) = UINT32_MAX;
        NVIC_ICPR(n) = UINT32_MAX;
    }
    SCB_ICSR = ICSR_PENDSVCLR | ICSR_PENDSTCLR;
}

__attribute__((weak)) void platform_watchdog_feed(void) {
}

void cortexm_mpu_region(uint32_t number, uint32_t base, uint32_t log2_size, uint32_t attributes) {
    MPU_RNR = number;
    MPU_RBAR = base;
    MPU_RASR = attributes | (log2_size - 1u) << 1 | 1u;
}

static inline void mpu_enable(void) {
    cortexm_barrier();
    MPU_CTRL = MPU_CTRL_ON;
    cortexm_barrier();
}

void cortexm_protect(void) {
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
    __asm volatile("msr msplim, %0" ::"r"(__stack_bottom__));
#ifdef IMSE_HOT_CODE_ORIGIN
    MPU_MAIR0 = MPU_MAIR0_NOT_CACHED;
    MPU_RNR = 0;
    MPU_RBAR = IMSE_HOT_CODE_ORIGIN | MPU_RBAR_READ_ONLY;
    MPU_RLAR = (IMSE_HOT_CODE_ORIGIN + IMSE_HOT_CODE_BYTES - 32u) | MPU_RLAR_ENABLE;
    mpu_enable();
#endif
#else
    if (MPU_TYPE >> 8 & 0xffu) {
#ifdef IMSE_HOT_CODE_ORIGIN
        cortexm_mpu_region(6, IMSE_HOT_CODE_ORIGIN, IMSE_HOT_CODE_LOG2_SIZE, MPU_CODE);
#endif
        cortexm_mpu_region(7, (uint32_t)(uintptr_t)__stack_guard__, GUARD_BYTES_LOG2,
                           MPU_NO_ACCESS);
        mpu_enable();
    }
#endif
}

void cortexm_paint_stack(void) {
    const uint32_t *end;
    __asm volatile("mov %0, sp" : "=r"(end));
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
