/* Cycle counter out of SysTick, for cores and emulators without the debug unit's. */
#include "cortexm.h"
#include "imse_platform.h"

#define RELOAD 0xffffffu
#define PENDSTSET (1u << 26)

static volatile uint32_t wraps;

void SysTick_Handler(void);

void SysTick_Handler(void) {
    ++wraps;
}

void cortexm_start_cycles(void) {
    SYSTICK_RVR = RELOAD;
    SYSTICK_CVR = 0;
    SYSTICK_CSR = SYSTICK_CSR_RUN;
}

uint32_t platform_cycles(void) {
    /* Read again when the counter wrapped in between; the interrupt may still be pending. */
    uint32_t high, low;
    do {
        high = wraps;
        low = SYSTICK_CVR;
    } while (high != wraps || (SCB_ICSR & PENDSTSET));
    return high * (RELOAD + 1u) + (RELOAD - low);
}
