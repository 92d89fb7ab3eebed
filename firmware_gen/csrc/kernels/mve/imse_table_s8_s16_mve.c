#include "imse_elementwise_mve.h"

void imse_table_s8_s16_mve(const int16_t *table, const int8_t *in, int16_t *out, int32_t n) {
  __asm__ volatile(
      "wlstp.16 lr, %[n], 2f                     \n\t"
      "1:                                        \n\t"
      "vldrb.u16 q0, [%[in]], #8                 \n\t"
      "vldrh.u16 q1, [%[table], q0, uxtw #1]     \n\t"
      "vstrh.16  q1, [%[out]], #16               \n\t"
      "letp    lr, 1b                            \n\t"
      "2:                                        \n\t"
      : [in] "+r"(in), [out] "+r"(out)
      : [table] "r"(table), [n] "r"(n)
      : "lr", "d0", "d1", "d2", "d3", "cc", "memory");
}
