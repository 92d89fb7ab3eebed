/* Runs compiled networks on a bare Cortex-M under QEMU. Frames come from the file in.bin and
 * outputs go to out.bin by semihosting; both are named on QEMU's command line. */
#include <stddef.h>
#include <stdint.h>

#include "cases.h"

extern uint32_t stack_top[];
void reset_handler(void);
static void fault_handler(void);

__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {
    (void (*)(void))stack_top, reset_handler, fault_handler, fault_handler,
    fault_handler,             fault_handler, fault_handler, fault_handler};

static int32_t semihosting(int32_t operation, const void *argument) {
  register int32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static void leave(uint32_t reason) {
  semihosting(0x18, (const void *)(uintptr_t)reason);
  for (;;) {
  }
}

static void fault_handler(void) {
  leave(0x20023); /* run-time error */
}

static int32_t open_file(const char *name, uint32_t mode, uint32_t length) {
  const uint32_t block[3] = {(uint32_t)(uintptr_t)name, mode, length};
  return semihosting(0x01, block);
}

static void transfer(int32_t operation, int32_t file, void *data, uint32_t size) {
  const uint32_t block[3] = {(uint32_t)file, (uint32_t)(uintptr_t)data, size};
  if (size != 0 && semihosting(operation, block) != 0) {
    fault_handler();
  }
}

#define SYSTICK_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYSTICK_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYSTICK_CVR (*(volatile uint32_t *)0xE000E018u)

static int8_t features[CASE_BYTES] __attribute__((aligned(16)));
static int8_t outputs[2][CASE_BYTES + 32] __attribute__((aligned(16)));

static void run(void) {
  const int32_t in = open_file("in.bin", 1, 6);
  const int32_t out = open_file("out.bin", 5, 7);
  if (in < 0 || out < 0) {
    fault_handler();
  }
  SYSTICK_RVR = 0xFFFFFFu;
  SYSTICK_CVR = 0;
  SYSTICK_CSR = 5;
  for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const case_t *const one = &cases[i];
    one->reset();
    for (uint32_t frame = 0; frame < one->frames; ++frame) {
      transfer(0x06, in, features, one->features);
      for (uint32_t k = 0; k < 2 * sizeof outputs[0]; ++k) {
        (&outputs[0][0])[k] = 77;
      }
      const uint32_t before = SYSTICK_CVR;
      const int status = one->invoke(features, outputs[0] + 16, outputs[1] + 16);
      uint32_t ticks = (before - SYSTICK_CVR) & 0xFFFFFFu;
      if (status != 0) {
        fault_handler();
      }
      transfer(0x05, out, outputs[0], one->mask + 32);
      transfer(0x05, out, outputs[1], one->phase + 32);
      transfer(0x05, out, &ticks, sizeof ticks);
    }
  }
}

void reset_handler(void) {
  *(volatile uint32_t *)0xE000ED88u |= 0xF00000u; /* FPU and MVE on */
  __asm__ volatile("dsb \n\t isb" ::: "memory");
  run();
  leave(0x20026); /* normal end */
}
