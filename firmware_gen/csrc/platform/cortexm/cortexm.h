/* Registers of the processor core that the platform uses (Armv7-M and Armv8-M). */
#ifndef CORTEXM_H
#define CORTEXM_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* System control block. */
#define SCB_ICSR REGISTER(0xe000ed04u)
#define SCB_VTOR REGISTER(0xe000ed08u)
#define SCB_AIRCR REGISTER(0xe000ed0cu)
#define SCB_CCR REGISTER(0xe000ed14u)
#define SCB_SHCSR REGISTER(0xe000ed24u)
#define SCB_CFSR REGISTER(0xe000ed28u)
#define SCB_HFSR REGISTER(0xe000ed2cu)
#define SCB_CCSIDR REGISTER(0xe000ed80u)
#define SCB_CSSELR REGISTER(0xe000ed84u)
#define SCB_CPACR REGISTER(0xe000ed88u)
#define SCB_ICIALLU REGISTER(0xe000ef50u)
#define SCB_DCIMVAC REGISTER(0xe000ef5cu)
#define SCB_DCISW REGISTER(0xe000ef60u)
#define SCB_DCCMVAC REGISTER(0xe000ef68u)
#define SCB_DCCISW REGISTER(0xe000ef74u)

#define AIRCR_SYSRESETREQ 0x05fa0004u
#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)
#define CCR_BP (1u << 18)  /* branch prediction; Armv8.1-M, where a core has it */
#define CCR_LOB (1u << 19) /* loop and branch info cache of Armv8.1-M */
#define ICSR_PENDSTCLR (1u << 25)
#define ICSR_PENDSVCLR (1u << 27)
#define CPACR_FPU (0xfu << 20)
#define CFSR_STACKING (1u << 4 | 1u << 12) /* MSTKERR, STKERR: the exception frame is not there */
#define CFSR_STKOF (1u << 20)              /* Armv8-M: stack limit exceeded */

/* Interrupt controller. */
#define NVIC_ISER(n) REGISTER(0xe000e100u + 4u * (n))
#define NVIC_ICER(n) REGISTER(0xe000e180u + 4u * (n))
#define NVIC_ICPR(n) REGISTER(0xe000e280u + 4u * (n))
#define NVIC_WORDS 8u /* 256 interrupts, more than any chip here has */

/* SysTick. */
#define SYSTICK_CSR REGISTER(0xe000e010u)
#define SYSTICK_RVR REGISTER(0xe000e014u)
#define SYSTICK_CVR REGISTER(0xe000e018u)
#define SYSTICK_CSR_RUN 0x7u /* processor clock, interrupt, enable */

/* Debug exception control, data watchpoint and trace. */
#define DEMCR REGISTER(0xe000edfcu)
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL REGISTER(0xe0001000u)
#define DWT_CYCCNT REGISTER(0xe0001004u)
#define DWT_LAR REGISTER(0xe0001fb0u)
#define DWT_CTRL_CYCCNTENA 1u
#define DWT_LAR_KEY 0xc5acce55u

/* Memory protection unit; RASR is Armv7-M's, RLAR and MAIR0 are Armv8-M's. */
#define MPU_TYPE REGISTER(0xe000ed90u)
#define MPU_CTRL REGISTER(0xe000ed94u)
#define MPU_RNR REGISTER(0xe000ed98u)
#define MPU_RBAR REGISTER(0xe000ed9cu)
#define MPU_RASR REGISTER(0xe000eda0u)
#define MPU_RLAR REGISTER(0xe000eda0u)
#define MPU_MAIR0 REGISTER(0xe000edc0u)
#define MPU_RBAR_READ_ONLY (3u << 1)
#define MPU_RLAR_ENABLE 1u
#define MPU_MAIR0_NOT_CACHED 0x44u
#define MPU_CTRL_ON 0x5u /* enable, default map for privileged code */

static inline void cortexm_barrier(void) {
    __asm volatile("dsb\n\tisb" ::: "memory");
}

#define CACHE_LINE_BYTES_LOG2 5u /* of the Cortex-M7 and Cortex-M55 */
#define CACHE_LINE_BYTES (1u << CACHE_LINE_BYTES_LOG2)

/* Switches on the instruction cache and the data cache; what a cache in use holds is kept. */
void cortexm_enable_caches(void);

/*
 * For DMA buffers in cached memory: clean what the processor has written before the DMA reads it,
 * invalidate what the DMA has written before the processor reads it. Such a buffer begins and ends
 * at a cache line (32 bytes), or its neighbours are lost with it.
 */
void cortexm_clean(const volatile void *data, uint32_t bytes);
void cortexm_invalidate(volatile void *data, uint32_t bytes);

/* Takes back what a boot ROM or a first stage may have left running: SysTick and interrupts. */
void cortexm_take_over(void);

/*
 * Armv7-M memory protection region: size 2^(log2_size) at base, a multiple of the size (the
 * processor ignores lower bits). attributes are the bits of RASR above the size: access, execute
 * never, type, subregions. Regions with a higher number win.
 */
void cortexm_mpu_region(uint32_t number, uint32_t base, uint32_t log2_size, uint32_t attributes);

#define MPU_NO_ACCESS (1u << 28)                                   /* XN, AP = 0 */
/* Of a region over all 4 GB the fourth and fifth eighth: 0x60000000 to 0x9fffffff. */
#define MPU_NO_EXTERNAL_MEMORY (MPU_NO_ACCESS | 0xe7u << 8)
#define MPU_NOT_CACHED (1u << 28 | 3u << 24 | 1u << 19 | 1u << 18) /* XN, normal memory */
#define MPU_CACHED (1u << 28 | 3u << 24 | 1u << 19 | 1u << 17 | 1u << 16) /* XN, write-back */
#define MPU_CODE_CACHED (6u << 24 | 1u << 17) /* read only, write-through */
#define MPU_CODE (6u << 24 | 1u << 19)        /* read only, not cached */

/*
 * Makes the 256 bytes below the stack inaccessible, so that an overflow faults at once, and the
 * copied code read only, so that a store through a null pointer does. Switches the MPU on.
 */
void cortexm_protect(void);

/* Marks the free part of the stack, so that platform_stack_peak_bytes() sees what was used. */
void cortexm_paint_stack(void);

/* Starts the cycle counter behind platform_cycles(). */
void cortexm_start_cycles(void);

#endif /* CORTEXM_H */
