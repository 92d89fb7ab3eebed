/*
 * Vector table. Listed are the interrupts an audio stream needs (SAI, SPI/I2S and their DMA);
 * define a function of that name to handle one. An unlisted interrupt ends in the fault report.
 */
#include "vectors.h"

#define INTERRUPTS 150

WEAK_HANDLER(NMI_Handler);
WEAK_HANDLER(SVC_Handler);
WEAK_HANDLER(PendSV_Handler);
WEAK_HANDLER(SysTick_Handler);
WEAK_HANDLER(DMA1_Stream0_IRQHandler);
WEAK_HANDLER(DMA1_Stream1_IRQHandler);
WEAK_HANDLER(DMA1_Stream2_IRQHandler);
WEAK_HANDLER(DMA1_Stream3_IRQHandler);
WEAK_HANDLER(DMA1_Stream4_IRQHandler);
WEAK_HANDLER(DMA1_Stream5_IRQHandler);
WEAK_HANDLER(DMA1_Stream6_IRQHandler);
WEAK_HANDLER(DMA1_Stream7_IRQHandler);
WEAK_HANDLER(SPI1_IRQHandler);
WEAK_HANDLER(SPI2_IRQHandler);
WEAK_HANDLER(SPI3_IRQHandler);
WEAK_HANDLER(DMA2_Stream0_IRQHandler);
WEAK_HANDLER(DMA2_Stream1_IRQHandler);
WEAK_HANDLER(DMA2_Stream2_IRQHandler);
WEAK_HANDLER(DMA2_Stream3_IRQHandler);
WEAK_HANDLER(DMA2_Stream4_IRQHandler);
WEAK_HANDLER(DMA2_Stream5_IRQHandler);
WEAK_HANDLER(DMA2_Stream6_IRQHandler);
WEAK_HANDLER(DMA2_Stream7_IRQHandler);
WEAK_HANDLER(SAI1_IRQHandler);
WEAK_HANDLER(SAI2_IRQHandler);

__attribute__((section(".vectors"), used)) static const vector_t vectors[16 + INTERRUPTS] = {
    CORE_VECTORS,
    [16 + 11] = {.handler = DMA1_Stream0_IRQHandler},
    [16 + 12] = {.handler = DMA1_Stream1_IRQHandler},
    [16 + 13] = {.handler = DMA1_Stream2_IRQHandler},
    [16 + 14] = {.handler = DMA1_Stream3_IRQHandler},
    [16 + 15] = {.handler = DMA1_Stream4_IRQHandler},
    [16 + 16] = {.handler = DMA1_Stream5_IRQHandler},
    [16 + 17] = {.handler = DMA1_Stream6_IRQHandler},
    [16 + 35] = {.handler = SPI1_IRQHandler},
    [16 + 36] = {.handler = SPI2_IRQHandler},
    [16 + 47] = {.handler = DMA1_Stream7_IRQHandler},
    [16 + 51] = {.handler = SPI3_IRQHandler},
    [16 + 56] = {.handler = DMA2_Stream0_IRQHandler},
    [16 + 57] = {.handler = DMA2_Stream1_IRQHandler},
    [16 + 58] = {.handler = DMA2_Stream2_IRQHandler},
    [16 + 59] = {.handler = DMA2_Stream3_IRQHandler},
    [16 + 60] = {.handler = DMA2_Stream4_IRQHandler},
    [16 + 68] = {.handler = DMA2_Stream5_IRQHandler},
    [16 + 69] = {.handler = DMA2_Stream6_IRQHandler},
    [16 + 70] = {.handler = DMA2_Stream7_IRQHandler},
    [16 + 87] = {.handler = SAI1_IRQHandler},
    [16 + 91] = {.handler = SAI2_IRQHandler},
};
