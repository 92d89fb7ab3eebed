#include "imse_frontend.h"

#include <string.h>

#include "imse_float.h"
#include "imse_frontend_tables.h"

#define HALF (IMSE_N_FFT / 2)
#define QUARTER (IMSE_N_FFT / 4)

/* Full scale of int16 is 1.0: both factors are powers of two, so scaling rounds nothing. */
#define PCM_TO_UNIT (1.0f / 32768.0f)
#define UNIT_TO_PCM 32768.0f

/*
 * The features' exponent: m^(c-1) = 2^(k log2(m^2)) with k = (c-1)/2. k is split into a part of 12
 * fractional bits, whose product with the integer exponent is exact, and the rest, taken from the
 * decimal value (six digits) so that the float rounding of c does not count exponent times.
 */
#define EXPONENT_DECIMAL \
    ((double)(int32_t)((double)IMSE_COMPRESSION * 1.0e6 + 0.5) / 1.0e6)
#define EXPONENT_EXACT ((EXPONENT_DECIMAL - 1.0) * 0.5)
static const float exponent_high = (float)(int32_t)(EXPONENT_EXACT * 4096.0) / 4096.0f;
static const float exponent_low =
    (float)(EXPONENT_EXACT - (double)(int32_t)(EXPONENT_EXACT * 4096.0) / 4096.0);
static const float exponent_full = (float)EXPONENT_EXACT;

static inline float window(uint32_t n) {
    return imse_sine[n <= HALF ? n : IMSE_N_FFT - n];
}

/* m2^((c-1)/2) for a normal, positive m2. */
static inline float compress(float m2) {
    return imse_power(m2, exponent_high, exponent_low, exponent_full);
}

/* exp(-2 pi i m / 1024) for m < 768 out of the quarter wave. */
static inline void turn(uint32_t m, float *re, float *im) {
    const float a = imse_sine[m % HALF], b = imse_sine[HALF - m % HALF];
    if (m < HALF) {
        *re = b;
        *im = -a;
    } else if (m < 2 * HALF) {
        *re = -a;
        *im = -b;
    } else {
        *re = -b;
        *im = a;
    }
}

/* In-place complex FFT of 256 values (re im pairs) given in digit-reversed order. */
static void fft(float *x) {
    for (uint32_t i = 0; i < 2 * HALF; i += 8) {
        float *p = x + i;
        const float sr = p[0] + p[4], si = p[1] + p[5];
        const float dr = p[0] - p[4], di = p[1] - p[5];
        const float tr = p[2] + p[6], ti = p[3] + p[7];
        const float er = p[2] - p[6], ei = p[3] - p[7];
        p[0] = sr + tr;
        p[1] = si + ti;
        p[2] = dr + ei;
        p[3] = di - er;
        p[4] = sr - tr;
        p[5] = si - ti;
        p[6] = dr - ei;
        p[7] = di + er;
    }
    for (uint32_t length = 4; length < HALF; length *= 4) {
        const uint32_t step = HALF / 4 / length;
        for (uint32_t j = 0; j < length; ++j) {
            const uint32_t angle = 4 * j * step;
            const float w1r = imse_sine[HALF - angle], w1i = -imse_sine[angle];
            float w2r, w2i, w3r, w3i;
            turn(2 * angle, &w2r, &w2i);
            turn(3 * angle, &w3r, &w3i);
            for (uint32_t i = j; i < HALF; i += 4 * length) {
                float *p0 = x + 2 * i;
                float *p1 = p0 + 2 * length;
                float *p2 = p1 + 2 * length;
                float *p3 = p2 + 2 * length;
                const float br = p1[0] * w1r - p1[1] * w1i, bi = p1[0] * w1i + p1[1] * w1r;
                const float cr = p2[0] * w2r - p2[1] * w2i, ci = p2[0] * w2i + p2[1] * w2r;
                const float gr = p3[0] * w3r - p3[1] * w3i, gi = p3[0] * w3i + p3[1] * w3r;
                const float sr = p0[0] + cr, si = p0[1] + ci;
                const float dr = p0[0] - cr, di = p0[1] - ci;
                const float tr = br + gr, ti = bi + gi;
                const float er = br - gr, ei = bi - gi;
                p0[0] = sr + tr;
                p0[1] = si + ti;
                p1[0] = dr + ei;
                p1[1] = di - er;
                p2[0] = sr - tr;
                p2[1] = si - ti;
                p3[0] = dr - ei;
                p3[1] = di + er;
            }
        }
    }
}

/* Windows one hop into the digit-reversed complex work buffer; first is 0 or IMSE_HOP. */
static void load_hop(float *work, const int16_t *pcm, uint32_t first) {
    for (uint32_t n = 0; n < IMSE_HOP; n += 2) {
        float *slot = work + 2u * imse_digit_reversal[(first + n) / 2];
        slot[0] = (float)pcm[n] * PCM_TO_UNIT * window(first + n);
        slot[1] = (float)pcm[n + 1] * PCM_TO_UNIT * window(first + n + 1);
    }
}

/* Bins 1..256 of the real transform out of the complex transform of its even and odd samples. */
static void split_spectrum(const float *z, float *spectrum) {
    spectrum[2 * (HALF - 1)] = z[0] - z[1];
    spectrum[2 * (HALF - 1) + 1] = 0.0f;
    for (uint32_t k = 1; k <= QUARTER; ++k) {
        const uint32_t m = HALF - k;
        const float wr = imse_sine[HALF - 2 * k], wi = imse_sine[2 * k];
        const float er = 0.5f * (z[2 * k] + z[2 * m]), ei = 0.5f * (z[2 * k + 1] - z[2 * m + 1]);
        const float qr = 0.5f * (z[2 * k + 1] + z[2 * m + 1]);
        const float qi = 0.5f * (z[2 * m] - z[2 * k]);
        const float tr = qr * wr + qi * wi, ti = qi * wr - qr * wi;
        spectrum[2 * (k - 1)] = er + tr;
        spectrum[2 * (k - 1) + 1] = ei + ti;
        spectrum[2 * (m - 1)] = er - tr;
        spectrum[2 * (m - 1) + 1] = ti - ei;
    }
}

/*
 * The inverse of split_spectrum with bin 0 = 0, conjugated and digit-reversed: a forward fft() of
 * the result gives the conjugate of the packed signal, 256 times as large.
 */
static void merge_spectrum(const float *spectrum, float *z) {
    const float nyquist = 0.5f * spectrum[2 * (HALF - 1)];
    z[0] = nyquist;
    z[1] = nyquist;
    for (uint32_t k = 1; k <= QUARTER; ++k) {
        const uint32_t m = HALF - k;
        const float wr = imse_sine[HALF - 2 * k], wi = imse_sine[2 * k];
        const float *a = spectrum + 2 * (k - 1), *b = spectrum + 2 * (m - 1);
        const float er = 0.5f * (a[0] + b[0]), ei = 0.5f * (a[1] - b[1]);
        const float tr = 0.5f * (a[0] - b[0]), ti = 0.5f * (a[1] + b[1]);
        const float qr = tr * wr - ti * wi, qi = tr * wi + ti * wr;
        float *zk = z + 2u * imse_digit_reversal[k], *zm = z + 2u * imse_digit_reversal[m];
        zk[0] = er - qi;
        zk[1] = -(ei + qr);
        zm[0] = er + qi;
        zm[1] = ei - qr;
    }
}

/* Follows the input level with the new hop and returns the gain that brings it to the target. */
static float track_level(imse_frontend_t *frontend, const int16_t *pcm) {
    uint64_t sum = 0;
    for (uint32_t n = 0; n < IMSE_HOP; ++n) {
        sum += (uint32_t)((int32_t)pcm[n] * pcm[n]);
    }
    /* (float)sum: both parts are exact, so the addition alone rounds. No 64-bit library call. */
    const float whole = (float)(uint32_t)(sum >> 16) * 65536.0f + (float)(uint32_t)(sum & 0xffffu);
    const float energy = whole * (PCM_TO_UNIT * PCM_TO_UNIT / (float)IMSE_HOP);
    float update = 1.0f / (float)(frontend->frames + 1u);
    if (update < IMSE_LEVEL_MIN_UPDATE) {
        update = IMSE_LEVEL_MIN_UPDATE;
    }
    if (frontend->frames < 0xffffffu) {
        ++frontend->frames;
    }
    float level = frontend->level + update * (energy - frontend->level);
    const float rising = IMSE_LEVEL_ATTACK * energy;
    if (level < rising) {
        level = rising;
    }
    if (level < IMSE_LEVEL_FLOOR) {
        level = IMSE_LEVEL_FLOOR;
    }
    frontend->level = level;
    return IMSE_LEVEL_TARGET_RMS / __builtin_sqrtf(level);
}

static inline int8_t quantize_feature(float steps) {
    const float low = (float)(-128 - IMSE_FEATURE_ZERO_POINT);
    const float high = (float)(127 - IMSE_FEATURE_ZERO_POINT);
    return (int8_t)(imse_round_saturate(steps, low, high) + IMSE_FEATURE_ZERO_POINT);
}

void imse_frontend_reset(imse_frontend_t *frontend) {
    memset(frontend, 0, sizeof *frontend);
}

void imse_frontend_analyze(imse_frontend_t *frontend, const int16_t *pcm, int8_t *features) {
    load_hop(frontend->work, frontend->history, 0);
    load_hop(frontend->work, pcm, IMSE_HOP);
    memcpy(frontend->history, pcm, sizeof frontend->history);
    const float gain = track_level(frontend, pcm);
    fft(frontend->work);
    split_spectrum(frontend->work, frontend->spectrum);

    const float floor2 = IMSE_MAGNITUDE_FLOOR * IMSE_MAGNITUDE_FLOOR;
    for (uint32_t k = 0; k < IMSE_BANDS; ++k) {
        const float re = frontend->spectrum[2 * k] * gain;
        const float im = frontend->spectrum[2 * k + 1] * gain;
        float m2 = re * re + im * im;
        if (m2 < floor2) {
            m2 = floor2;
        }
        const float steps = compress(m2) * (1.0f / IMSE_FEATURE_SCALE);
        features[3 * k] = quantize_feature(__builtin_sqrtf(m2) * steps);
        features[3 * k + 1] = quantize_feature(re * steps);
        features[3 * k + 2] = quantize_feature(im * steps);
    }
}

void imse_frontend_synthesize(imse_frontend_t *frontend, const int8_t *mask, const int8_t *phase,
                              int16_t *pcm) {
    float *spectrum = frontend->spectrum;
    for (uint32_t k = 0; k < IMSE_BANDS; ++k) {
        const float factor = (float)(mask[k] - IMSE_MASK_ZERO_POINT) * (2.0f * IMSE_MASK_SCALE);
        const float a =
            1.0f + (float)(phase[2 * k] - IMSE_PHASE_ZERO_POINT) * IMSE_PHASE_SCALE;
        const float b = (float)(phase[2 * k + 1] - IMSE_PHASE_ZERO_POINT) * IMSE_PHASE_SCALE;
        const float norm = factor / __builtin_sqrtf(a * a + b * b + 1.0e-8f);
        const float cr = norm * a, ci = norm * b;
        const float re = spectrum[2 * k], im = spectrum[2 * k + 1];
        spectrum[2 * k] = cr * re - ci * im;
        spectrum[2 * k + 1] = cr * im + ci * re;
    }
    merge_spectrum(spectrum, frontend->work);
    fft(frontend->work);

    const float *z = frontend->work;
    for (uint32_t n = 0; n < IMSE_HOP; ++n) {
        const float sign = (n & 1u) ? -1.0f : 1.0f;
        const float head = sign * z[n] * ((1.0f / (float)HALF) * window(n));
        const float tail = sign * z[IMSE_HOP + n] * ((1.0f / (float)HALF) * window(IMSE_HOP + n));
        const float sample = (frontend->overlap[n] + head) * UNIT_TO_PCM;
        pcm[n] = (int16_t)imse_round_saturate(sample, -32768.0f, 32767.0f);
        frontend->overlap[n] = tail;
    }
}
