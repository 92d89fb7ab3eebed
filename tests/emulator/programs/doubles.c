/* Evaluates double-precision expressions of two operands sent by the host. */
#include "board.h"

typedef union {
    double d;
    uint64_t u;
    struct {
        uint32_t low, high;
    } w;
} number_t;

static double receive(void) {
    number_t n;
    n.u = 0;
    for (int i = 0; i < 8; ++i) {
        n.u |= (uint64_t)uart_wait() << 8 * i;
    }
    return n.d;
}

static void send(double value) {
    number_t n;
    n.d = value;
    uart_put_u32(n.w.low);
    uart_put_u32(n.w.high);
}

int main(void) {
    for (;;) {
        const double a = receive(), b = receive();
        double fused = 0.75, chosen;
        __asm volatile("vfma.f64 %P0, %P1, %P2" : "+w"(fused) : "w"(a), "w"(b));
        __asm volatile("vcmp.f64 %P1, %P2\n\t"
                       "vmrs APSR_nzcv, fpscr\n\t"
                       "ite gt\n\t"
                       "vmovgt.f64 %P0, %P1\n\t"
                       "vmovle.f64 %P0, %P2"
                       : "=&w"(chosen)
                       : "w"(a), "w"(b)
                       : "cc");
        double away, up;
        int32_t down;
        __asm volatile("vrinta.f64 %P0, %P1" : "=w"(away) : "w"(a));
        __asm volatile("vrintp.f64 %P0, %P1" : "=w"(up) : "w"(a));
        __asm volatile("vcvtm.s32.f64 s15, %P1\n\tvmov %0, s15" : "=r"(down) : "w"(b) : "s15");
        send(a + b);
        send(a - b);
        send(a * b);
        send(a / b);
        send(__builtin_sqrt(__builtin_fabs(a)));
        send(-a);
        send(fused);
        send(chosen);
        send((double)(float)a);
        send((double)(int32_t)b);
        send((double)(uint32_t)__builtin_fabs(b));
        send(a < b ? 1.0 : a == b ? 2.0 : a > b ? 3.0 : 4.0);
        send(away);
        send(up);
        send((double)down);
    }
}
