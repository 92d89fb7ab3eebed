/* The Armv7E-M SIMD instructions that the dsp kernels use, with a plain C form that gives the same
 * results on any other processor. */
#ifndef IMSE_SIMD_H
#define IMSE_SIMD_H

#include <stdint.h>
#include <string.h>

/* Four int8 values, whatever their alignment. */
static inline uint32_t imse_load4(const int8_t *p) {
  uint32_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

static inline void imse_store4(int8_t *p, uint32_t word) { memcpy(p, &word, sizeof word); }

/* One int8 value four times. */
static inline uint32_t imse_four(int32_t value) { return ((uint32_t)value & 0xFFu) * 0x01010101u; }

/* The lower bytes of all halves: of `even` at 0 and 2, of `odd` at 1 and 3. */
static inline uint32_t imse_bytes(int32_t even, int32_t odd) {
  return ((uint32_t)even & 0x00FF00FFu) | (((uint32_t)odd & 0x00FF00FFu) << 8);
}

/* Two int16 values in one word. */
static inline int32_t imse_pair(int32_t low, int32_t high) {
  return (int32_t)(((uint32_t)low & 0xFFFFu) | ((uint32_t)high << 16));
}

#if defined(__ARM_FEATURE_DSP)

#include <arm_acle.h>

/* Bytes 0 and 2, sign extended to 16 bits. */
static inline int32_t imse_sxtb16(uint32_t x) {
  return (int32_t)__sxtb16(x);
}

/* Bytes 1 and 3, sign extended to 16 bits. */
static inline int32_t imse_sxtb16_high(uint32_t x) {
  int32_t y;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(x));
  return y;
}

/* Halves of x plus bytes 0 and 2 of y. */
static inline int32_t imse_sxtab16(int32_t x, uint32_t y) {
  return (int32_t)__sxtab16(x, (int32_t)y);
}

/* Halves of x plus bytes 1 and 3 of y. */
static inline int32_t imse_sxtab16_high(int32_t x, uint32_t y) {
  int32_t z;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(z) : "r"(x), "r"(y));
  return z;
}

/* Sums of low and of high halves. */
static inline int32_t imse_sadd16(int32_t x, int32_t y) {
  return (int32_t)__sadd16(x, y);
}

/* sum + the products of low and of high halves. */
static inline int32_t imse_smlad(int32_t x, int32_t y, int32_t sum) {
  return __smlad(x, y, sum);
}

static inline int64_t imse_smlald(int32_t x, int32_t y, int64_t sum) {
  return __smlald(x, y, sum);
}

/* sum + the product of the low halves. */
static inline int32_t imse_smlabb(int32_t x, int32_t y, int32_t sum) {
  return __smlabb(x, y, sum);
}

/* sum + the product of the high halves. */
static inline int32_t imse_smlatt(int32_t x, int32_t y, int32_t sum) {
  return __smlatt(x, y, sum);
}

/* sum + x * the low half of y / 2^16, rounded down. */
static inline int32_t imse_smlawb(int32_t x, int32_t y, int32_t sum) {
  return __smlawb(x, y, sum);
}

/* The same with the high half of y. */
static inline int32_t imse_smlawt(int32_t x, int32_t y, int32_t sum) {
  return __smlawt(x, y, sum);
}

/* sum + the upper half of the 64-bit product, rounded to nearest. */
static inline int32_t imse_smmlar(int32_t x, int32_t y, int32_t sum) {
  int32_t z;
  __asm__("smmlar %0, %1, %2, %3" : "=r"(z) : "r"(x), "r"(y), "r"(sum));
  return z;
}

/* The upper half of the 64-bit product, rounded to nearest. */
static inline int32_t imse_smmulr(int32_t x, int32_t y) {
  int32_t z;
  __asm__("smmulr %0, %1, %2" : "=r"(z) : "r"(x), "r"(y));
  return z;
}

/* The larger and the smaller int8 value of each byte. */
static inline uint32_t imse_max4(uint32_t x, uint32_t y) {
  uint32_t z;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(z) : "r"(x), "r"(y) : "cc");
  return z;
}

static inline uint32_t imse_min4(uint32_t x, uint32_t y) {
  uint32_t z;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(z) : "r"(x), "r"(y) : "cc");
  return z;
}

/* The larger and the smaller int16 value of each half. */
static inline int32_t imse_max2(int32_t x, int32_t y) {
  int32_t z;
  __asm__("ssub16 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(z) : "r"(x), "r"(y) : "cc");
  return z;
}

static inline int32_t imse_min2(int32_t x, int32_t y) {
  int32_t z;
  __asm__("ssub16 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(z) : "r"(x), "r"(y) : "cc");
  return z;
}

static inline int32_t imse_ssat8(int32_t x) {
  return __ssat(x, 8);
}

static inline int32_t imse_ssat16(int32_t x) {
  return __ssat(x, 16);
}

/* Sum within int32. */
static inline int32_t imse_qadd(int32_t x, int32_t y) {
  return __qadd(x, y);
}

#else

static inline int32_t imse_low(int32_t x) {
  return (int16_t)((uint32_t)x & 0xFFFFu);
}

static inline int32_t imse_high(int32_t x) {
  return (int16_t)((uint32_t)x >> 16);
}

static inline int32_t imse_sxtb16(uint32_t x) {
  return imse_pair((int8_t)(x & 0xFFu), (int8_t)((x >> 16) & 0xFFu));
}

static inline int32_t imse_sxtb16_high(uint32_t x) {
  return imse_sxtb16(x >> 8);
}

static inline int32_t imse_sadd16(int32_t x, int32_t y) {
  return imse_pair(imse_low(x) + imse_low(y), imse_high(x) + imse_high(y));
}

static inline int32_t imse_sxtab16(int32_t x, uint32_t y) {
  return imse_sadd16(x, imse_sxtb16(y));
}

static inline int32_t imse_sxtab16_high(int32_t x, uint32_t y) {
  return imse_sadd16(x, imse_sxtb16_high(y));
}

static inline int32_t imse_smlad(int32_t x, int32_t y, int32_t sum) {
  return sum + imse_low(x) * imse_low(y) + imse_high(x) * imse_high(y);
}

static inline int64_t imse_smlald(int32_t x, int32_t y, int64_t sum) {
  return sum + (int64_t)imse_low(x) * imse_low(y) + (int64_t)imse_high(x) * imse_high(y);
}

static inline int32_t imse_smlabb(int32_t x, int32_t y, int32_t sum) {
  return sum + imse_low(x) * imse_low(y);
}

static inline int32_t imse_smlatt(int32_t x, int32_t y, int32_t sum) {
  return sum + imse_high(x) * imse_high(y);
}

static inline int32_t imse_smlawb(int32_t x, int32_t y, int32_t sum) {
  return sum + (int32_t)(((int64_t)x * imse_low(y)) >> 16);
}

static inline int32_t imse_smlawt(int32_t x, int32_t y, int32_t sum) {
  return imse_smlawb(x, imse_high(y), sum);
}

static inline int32_t imse_smmlar(int32_t x, int32_t y, int32_t sum) {
  return sum + (int32_t)(((int64_t)x * y + (1LL << 31)) >> 32);
}

static inline int32_t imse_smmulr(int32_t x, int32_t y) {
  return imse_smmlar(x, y, 0);
}

static inline uint32_t imse_max4(uint32_t x, uint32_t y) {
  uint32_t z = 0;
  for (int32_t i = 0; i < 32; i += 8) {
    const int8_t a = (int8_t)(x >> i);
    const int8_t b = (int8_t)(y >> i);
    z |= (uint32_t)(uint8_t)(a > b ? a : b) << i;
  }
  return z;
}

static inline uint32_t imse_min4(uint32_t x, uint32_t y) {
  return ~imse_max4(~x, ~y);
}

static inline int32_t imse_max2(int32_t x, int32_t y) {
  return imse_pair(imse_low(x) > imse_low(y) ? x : y,
                   imse_high(x) > imse_high(y) ? imse_high(x) : imse_high(y));
}

static inline int32_t imse_min2(int32_t x, int32_t y) {
  return ~imse_max2(~x, ~y);
}

static inline int32_t imse_ssat8(int32_t x) {
  return x < -128 ? -128 : (x > 127 ? 127 : x);
}

static inline int32_t imse_ssat16(int32_t x) {
  return x < INT16_MIN ? INT16_MIN : (x > INT16_MAX ? INT16_MAX : x);
}

static inline int32_t imse_qadd(int32_t x, int32_t y) {
  const int64_t sum = (int64_t)x + y;
  return (int32_t)(sum < INT32_MIN ? INT32_MIN : (sum > INT32_MAX ? INT32_MAX : sum));
}

#endif

/* Rounding parameters of one output channel: value * mantissa / 2^(31 + shift), shift at least 1,
 * rounded as imse_multiply does. `add` holds half a unit and the zero point. Values come doubled,
 * which puts the product's rounding where smmlar has it. */
typedef struct {
  int32_t bias; /* doubled as well */
  int32_t mantissa;
  int32_t add;
  int32_t shift;
} imse_scale_t;

static inline int32_t imse_scale_twice(int32_t twice, int32_t mantissa, int32_t add,
                                       int32_t shift) {
  return (imse_smmlar(twice, mantissa, add) + (twice >> 31)) >> shift;
}

static inline int8_t imse_scale_s8(int32_t twice, int32_t mantissa, int32_t add, int32_t shift) {
  return (int8_t)imse_ssat8(imse_scale_twice(twice, mantissa, add, shift));
}

static inline int16_t imse_scale_s16(int32_t twice, int32_t mantissa, int32_t add, int32_t shift) {
  return (int16_t)imse_ssat16(imse_scale_twice(twice, mantissa, add, shift));
}

#endif
