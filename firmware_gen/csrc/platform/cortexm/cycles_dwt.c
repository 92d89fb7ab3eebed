/* Cycle counter of the debug unit: Cortex-M3 and up on silicon. */
#include "cortexm.h"
#include "imse_platform.h"

void cortexm_start_cycles(void) {
    DEMCR |= DEMCR_TRCENA;
    DWT_LAR = DWT_LAR_KEY;
    DWT_CYCCNT = 0;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

uint32_t platform_cycles(void) {
    return DWT_CYCCNT;
}
