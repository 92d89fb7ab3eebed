/* Vector table: the firmware polls, so only the core's own exceptions are listed. */
#include "vectors.h"

WEAK_HANDLER(NMI_Handler);
WEAK_HANDLER(SVC_Handler);
WEAK_HANDLER(PendSV_Handler);
WEAK_HANDLER(SysTick_Handler);

__attribute__((section(".vectors"), used)) static const vector_t vectors[16] = {
    CORE_VECTORS,
};
