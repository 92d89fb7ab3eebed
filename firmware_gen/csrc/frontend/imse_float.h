/*
 * Single-precision functions of the front ends, out of + - * / alone: built with
 * -ffp-contract=off they give the same bits on every IEEE-754 machine.
 */
#ifndef IMSE_FLOAT_H
#define IMSE_FLOAT_H

#include <stdint.h>
#include <string.h>

static inline uint32_t imse_float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float imse_bits_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/*
 * FPv5 rounds this way in one instruction. Of the Armv7-M cores only those with double precision
 * are known by their macros to have it.
 */
#if defined(__ARM_ARCH_PROFILE) && defined(__ARM_FP)
#if __ARM_ARCH_PROFILE == 'M' && (__ARM_ARCH >= 8 || (__ARM_FP & 8))
#define IMSE_ROUNDS_TO_NEAREST_AWAY
#endif
#endif

/* Nearest integer, halves away from zero, within [low, high] (both whole numbers). */
static inline int32_t imse_round_saturate(float value, float low, float high) {
#if defined(IMSE_ROUNDS_TO_NEAREST_AWAY)
    int32_t nearest;
    __asm__("vcvta.s32.f32 %0, %1" : "=t"(nearest) : "t"(value));
    if (nearest < (int32_t)low) {
        nearest = (int32_t)low;
    }
    return nearest > (int32_t)high ? (int32_t)high : nearest;
#else
    if (value < low) {
        value = low;
    }
    if (value > high) {
        value = high;
    }
    const int32_t whole = (int32_t)value;
    const float rest = value - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
#endif
}

/*
 * x^full for a normal, positive x; relative error below 2e-7. The exponent comes in two parts as
 * well: high with 12 fractional bits, whose product with x's binary exponent is exact, and low.
 * x = 2^e f with f in [sqrt(1/2), sqrt(2)); log2(f) by its odd series in s = (f-1)/(f+1), minimax
 * to 2e-10; 2^r on [-1/2, 1/2] by a minimax polynomial of degree 6 (2e-9).
 */
static inline float imse_power(float x, float high, float low, float full) {
    const uint32_t bits = imse_float_bits(x);
    const int32_t e = (int32_t)(bits - 0x3f3504f3u) >> 23;
    const float f = imse_bits_float(bits - ((uint32_t)e << 23));
    const float s = (f - 1.0f) / (f + 1.0f);
    const float u = s * s;
    const float log2_f =
        s * (2.88539004f + u * (0.961800754f + u * (0.576585293f + u * 0.434247464f)));

    const float exact = high * (float)e;
    const float small = low * (float)e + full * log2_f;
    const int32_t n = (int32_t)(exact + small + 128.5f) - 128;
    const float r = (exact - (float)n) + small;
    const float power =
        r * (0.693147182f +
             r * (0.240226507f +
                  r * (0.0555032753f +
                       r * (0.00961800385f + r * (0.00134003686f + r * 0.000154764246f)))));
    const float scale = imse_bits_float((uint32_t)(n + 127) << 23);
    return scale + scale * power;
}

/*
 * Angle of (re, im) in (-pi, pi], 0 for the origin; error below 4e-7. The quotient is brought to
 * [-tan(pi/8), tan(pi/8)], where the odd series to the 13th power is enough.
 */
static inline float imse_angle(float im, float re) {
    const float x = re < 0.0f ? -re : re;
    const float y = im < 0.0f ? -im : im;
    const float large = x > y ? x : y;
    const float little = x > y ? y : x;
    if (large == 0.0f) {
        return 0.0f;
    }
    float t = little / large;
    float angle = 0.0f;
    if (t > 0.414213562f) {
        t = (t - 1.0f) / (t + 1.0f);
        angle = 0.785398163f;
    }
    const float u = t * t;
    angle += t - t * u * (0.333333333f -
                          u * (0.2f - u * (0.142857143f -
                                           u * (0.111111111f - u * (0.0909090909f -
                                                                    u * 0.0769230769f)))));
    if (y > x) {
        angle = 1.57079633f - angle;
    }
    if (re < 0.0f) {
        angle = 3.14159265f - angle;
    }
    return im < 0.0f ? -angle : angle;
}

#endif /* IMSE_FLOAT_H */
