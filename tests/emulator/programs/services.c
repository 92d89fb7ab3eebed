/* One service per command byte; what each must do is checked on the host. */
#include "board.h"

static uint32_t initialised = 0x12345678u;
static uint32_t zeroed[4];
volatile uint8_t below_the_stack[8192];

/* 1000 rounds of 9 instructions (two of them 32 bits wide, an IT block with one skipped) and a
   return: 9002 with the move. */
__attribute__((naked, noinline)) void counted(void) {
    __asm volatile(
        ".syntax unified\n\t"
        "movw r2, #1000\n"
        "1:\n\t"
        "add.w r3, r2, r2, lsl #1\n\t"
        "cmp r3, #0\n\t"
        "itte ne\n\t"
        "addne r3, #1\n\t"
        "subne r3, #1\n\t"
        "moveq r3, #0\n\t"
        "mul.w r3, r3, r3\n\t"
        "subs r2, #1\n\t"
        "bne 1b\n\t"
        "bx lr\n\t");
}

__attribute__((section(".itcm"), noinline)) uint32_t in_itcm(uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; ++i) {
        __asm volatile("" : "+r"(sum));
        sum += i;
    }
    return sum;
}

__attribute__((noinline)) static uint32_t deep(uint32_t bytes) {
    volatile uint8_t block[1024];
    for (uint32_t i = 0; i < sizeof block; ++i) {
        block[i] = (uint8_t)(i + bytes);
    }
    uint32_t sum = block[17];
    if (bytes > sizeof block) {
        sum += deep(bytes - sizeof block);
    }
    return sum + block[19];
}

int main(void) {
    uint32_t last = CYCLES;
    for (;;) {
        const uint8_t command = uart_wait();
        switch (command) {
        case 'e': /* echo one byte */
            uart_put(uart_wait());
            break;
        case 'm': /* memory as C expects it */
            uart_put_u32(initialised);
            uart_put_u32(zeroed[0] | zeroed[1] | zeroed[2] | zeroed[3]);
            break;
        case 'c': { /* cycles of a known function */
            const uint32_t start = CYCLES;
            counted();
            uart_put_u32(CYCLES - start);
            break;
        }
        case 'i': /* code in ITCM */
            uart_put_u32(((uint32_t(*)(uint32_t))in_itcm)(1000));
            break;
        case 'f': { /* FPU and DSP instructions */
            volatile float x = 1.5f;
            volatile float y = 3.0f;
            uint32_t packed;
            __asm volatile("smlad %0, %1, %2, %3"
                           : "=r"(packed)
                           : "r"(0x00030002u), "r"(0x00050004u), "r"(7u));
            uart_put_u32(packed + (uint32_t)(x * 4.0f) + (uint32_t)(y * y));
            break;
        }
        case 's': /* use the given kilobytes of stack */
            uart_put_u32(deep(uart_wait() * 1024u));
            break;
        case 't': /* time-out while the line is silent */
            last = CYCLES;
            while (uart_get() < 0 && CYCLES - last < 48000000u) {
            }
            uart_put(CYCLES - last >= 48000000u ? 'T' : 'B');
            break;
        case 'o': /* wait for a lost byte */
            while (!(REG(0x4000481c) & 8u)) {
            }
            REG(0x40004820) = 8u;
            uart_put('O');
            break;
        case 'r': /* reset */
            REG(0xe000ed0c) = 0x05fa0004u;
            break;
        case 'h': /* hang */
            for (;;) {
            }
        case 'p': /* long work that says how far it is */
            for (int step = 0; step < 60; ++step) {
                for (volatile uint32_t i = 0; i < 200000u; ++i) {
                }
                uart_put('.');
            }
            break;
        case 'w': /* sleep */
            __asm volatile("wfi");
            uart_put('W');
            break;
        default:
            uart_put('?');
        }
    }
}
