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
#define SCB_DCISW REGISTER(0xe000ef60u)

#define AIRCR_SYSRESETREQ 0x05fa0004u
#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)
#define CPACR_FPU (0xfu << 20)
#define CFSR_STACKING (1u << 4 | 1u << 12) /* MSTKERR, STKERR: the exception frame is not there */
#define CFSR_STKOF (1u << 20)              /* Armv8-M: stack limit exceeded */

/* Interrupt controller. */
#define NVIC_ISER(n) REGISTER(0xe000e100u + 4u * (n))

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

/* Memory protection unit, Armv7-M. */
#define MPU_TYPE REGISTER(0xe000ed90u)
#define MPU_CTRL REGISTER(0xe000ed94u)
#define MPU_RNR REGISTER(0xe000ed98u)
#define MPU_RBAR REGISTER(0xe000ed9cu)
#define MPU_RASR REGISTER(0xe000eda0u)
#define MPU_CTRL_ON 0x5u /* enable, default map for privileged code */

static inline void cortexm_barrier(void) {
    __asm volatile("dsb\n\tisb" ::: "memory");
}

/* Switches on the instruction cache and the data cache (Cortex-M7). */
void cortexm_enable_caches(void);

/*
 * Armv7-M memory protection region: size 2^(log2_size) at base. attributes are the bits of RASR
 * above the size: access, execute never, type. Regions with a higher number win.
 */
void cortexm_mpu_region(uint32_t number, uint32_t base, uint32_t log2_size, uint32_t attributes);
void cortexm_mpu_enable(void);

#define MPU_NO_ACCESS (1u << 28)                                   /* XN, AP = 0 */
#define MPU_NOT_CACHED (1u << 28 | 3u << 24 | 1u << 19 | 1u << 18) /* XN, normal memory */
#define MPU_CACHED (1u << 28 | 3u << 24 | 1u << 19 | 1u << 17 | 1u << 16) /* XN, write-back */
#define MPU_CODE_CACHED (6u << 24 | 1u << 17) /* read only, write-through */

/* Makes the 256 bytes below the stack inaccessible, so that an overflow faults at once. */
void cortexm_guard_stack(void);

/* Marks the free part of the stack, so that platform_stack_peak_bytes() sees what was used. */
void cortexm_paint_stack(void);

/* Starts the cycle counter behind platform_cycles(). */
void cortexm_start_cycles(void);

#endif /* CORTEXM_H */
