#include "imse_segment_frontend.h"

#include <string.h>

#include "imse_float.h"
#include "imse_segment_tables.h"

/* The transform: 510 = 2 * 15 * 17, factors without common divisors, so no twiddles in between. */
enum { N = IMSE_N_FFT, HALF = 255, ROWS = 15, COLUMNS = 17, CENTRE = IMSE_N_FFT / 2 };

#define BUFFER __attribute__((section(".bss.imse_buffers"), aligned(16)))

/* Full scale of int16 is 1.0: both factors are powers of two, so scaling rounds nothing. */
#define PCM_TO_UNIT (1.0f / 32768.0f)
#define UNIT_TO_PCM 32768.0f

/* A magnitude below the square root of this is silence: its feature rounds to zero. */
#define POWER_FLOOR 1.0e-30f

/* The features' exponent: m^c = (m^2)^(c/2), in the parts that imse_power() takes. */
#define EXPONENT ((double)(int32_t)((double)IMSE_COMPRESSION * 1.0e6 + 0.5) / 2.0e6)
static const float exponent_high = (float)(int32_t)(EXPONENT * 4096.0) / 4096.0f;
static const float exponent_low =
    (float)(EXPONENT - (double)(int32_t)(EXPONENT * 4096.0) / 4096.0);
static const float exponent_full = (float)EXPONENT;

/* The mask applies to compressed magnitudes: on plain ones its factor has the exponent 1/c. */
#define EXPANSION (0.5 / EXPONENT)
#define MASK_LIMIT 2.0f
static const float expansion_high = (float)(int32_t)(EXPANSION * 4096.0) / 4096.0f;
static const float expansion_low =
    (float)(EXPANSION - (double)(int32_t)(EXPANSION * 4096.0) / 4096.0);
static const float expansion_full = (float)EXPANSION;

static float work[2 * HALF] BUFFER;      /* re im pairs of one transform */
static float frame[N] BUFFER;            /* samples of one frame */
static float spectrum[2 * IMSE_BANDS] BUFFER; /* re im pairs of bins 0..255 */
static float overlap[N] BUFFER;          /* sums of the frames that reach into the next hops */
static float weight[N] BUFFER;           /* the same of the squared windows */

/*
 * In-place transform of `length` complex values (an odd number) that lie `step` pairs apart in a
 * ring of 255 pairs, beginning at `first`. The sums run over pairs of values that share a cosine.
 */
static void transform(uint32_t first, uint32_t step, uint32_t length, const float (*turns)[2]) {
    float sums[COLUMNS / 2][2], differences[COLUMNS / 2][2];
    const uint32_t half = length / 2;
    uint32_t place[COLUMNS];
    place[0] = first;
    for (uint32_t n = 1; n < length; ++n) {
        place[n] = (place[n - 1] + step) % HALF;
    }
    const float zr = work[2 * first], zi = work[2 * first + 1];
    float dc_r = zr, dc_i = zi;
    for (uint32_t n = 1; n <= half; ++n) {
        const float *a = work + 2 * place[n], *b = work + 2 * place[length - n];
        sums[n - 1][0] = a[0] + b[0];
        sums[n - 1][1] = a[1] + b[1];
        differences[n - 1][0] = a[0] - b[0];
        differences[n - 1][1] = a[1] - b[1];
        dc_r += sums[n - 1][0];
        dc_i += sums[n - 1][1];
    }
    for (uint32_t k = 1; k <= half; ++k) {
        float pr = zr, pi = zi, qr = 0.0f, qi = 0.0f;
        uint32_t m = 0;
        for (uint32_t n = 0; n < half; ++n) {
            m += k;
            m = m >= length ? m - length : m;
            pr += turns[m][0] * sums[n][0];
            pi += turns[m][0] * sums[n][1];
            qr += turns[m][1] * differences[n][0];
            qi += turns[m][1] * differences[n][1];
        }
        float *a = work + 2 * place[k], *b = work + 2 * place[length - k];
        a[0] = pr + qi;
        a[1] = pi - qr;
        b[0] = pr - qi;
        b[1] = pi + qr;
    }
    work[2 * first] = dc_r;
    work[2 * first + 1] = dc_i;
}

/*
 * In-place complex transform of 255 values. Value n = 17 n1 + 15 n2 (mod 255) goes in at place n;
 * the result for frequency k comes out at place 17 (k mod 15) + 15 (k mod 17) (mod 255).
 */
static void transform_255(void) {
    for (uint32_t row = 0; row < ROWS; ++row) {
        transform(COLUMNS * row, ROWS, COLUMNS, imse_turn_17);
    }
    for (uint32_t column = 0; column < COLUMNS; ++column) {
        transform(ROWS * column, COLUMNS, ROWS, imse_turn_15);
    }
}

static inline const float *result(uint32_t k) {
    return work + 2u * ((COLUMNS * (k % ROWS) + ROWS * (k % COLUMNS)) % HALF);
}

/* Sample of a segment, reflected at both ends. */
static inline float sample(const int16_t *pcm, int32_t position) {
    if (position < 0) {
        position = -position;
    }
    if (position >= IMSE_SEGMENT_SAMPLES) {
        position = 2 * (IMSE_SEGMENT_SAMPLES - 1) - position;
    }
    return (float)pcm[position] * PCM_TO_UNIT;
}

/* Spectrum of the frame centred on sample index * IMSE_HOP. */
static void analyze_frame(const int16_t *pcm, float gain, uint32_t index) {
    const int32_t first = (int32_t)(index * IMSE_HOP) - CENTRE;
    for (int32_t n = 0; n < N; ++n) {
        frame[n] = sample(pcm, first + n) * gain * imse_hann[n < CENTRE ? n : N - n];
    }
    /* Even bins come from the sums, odd ones from the differences of samples 255 apart. */
    for (uint32_t n = 0; n < HALF; ++n) {
        const float a = frame[2 * n], b = frame[(2 * n + HALF) % N];
        work[2 * n] = a + b;
        work[2 * n + 1] = a - b;
    }
    transform_255();
    for (uint32_t k = 0; k < IMSE_BANDS; ++k) {
        const float *z = result(k % HALF), *c = result((HALF - k) % HALF);
        float *out = spectrum + 2 * k;
        if (k % 2 == 0) {
            out[0] = 0.5f * (z[0] + c[0]);
            out[1] = 0.5f * (z[1] - c[1]);
        } else {
            out[0] = 0.5f * (z[1] + c[1]);
            out[1] = 0.5f * (c[0] - z[0]);
        }
    }
    spectrum[1] = 0.0f;
    spectrum[2 * CENTRE + 1] = 0.0f;
}

/* Samples of a frame out of its spectrum, not yet windowed. */
static void synthesize_frame(void) {
    for (uint32_t k = 0; k < HALF; ++k) {
        const float *own = spectrum + 2 * k, *other = spectrum + 2 * (HALF - k);
        const float *even = k % 2 == 0 ? own : other, *odd = k % 2 == 0 ? other : own;
        const float ei = k % 2 == 0 ? even[1] : -even[1];
        const float oi = k % 2 == 0 ? -odd[1] : odd[1];
        /* The conjugate of even + i odd: a forward transform of it is the conjugate inverse. */
        work[2 * k] = even[0] - oi;
        work[2 * k + 1] = -(ei + odd[0]);
    }
    transform_255();
    for (uint32_t n = 0; n < HALF; ++n) {
        const float *z = result(n);
        const float a = z[0], b = -z[1];
        frame[2 * n] = (a + b) * (0.5f / (float)HALF);
        frame[(2 * n + HALF) % N] = (a - b) * (0.5f / (float)HALF);
    }
}

static inline imse_feature_t quantize_feature(float value) {
    const int32_t limit = 1 << (IMSE_FEATURE_BITS - 1);
    const float low = (float)(-limit - IMSE_FEATURE_ZERO_POINT);
    const float high = (float)(limit - 1 - IMSE_FEATURE_ZERO_POINT);
    const float steps = value * (1.0f / IMSE_FEATURE_SCALE);
    return (imse_feature_t)(imse_round_saturate(steps, low, high) + IMSE_FEATURE_ZERO_POINT);
}

float imse_segment_gain(const int16_t *pcm) {
    uint64_t sum = 0;
    for (int32_t n = 0; n < IMSE_SEGMENT_SAMPLES; ++n) {
        sum += (uint32_t)((int32_t)pcm[n] * pcm[n]);
    }
    if (sum == 0) {
        return 0.0f;
    }
    /* 32 leading bits are enough, and their conversion needs no 64-bit library function. */
    uint32_t shift = 0;
    while (sum >> shift > UINT32_MAX) {
        shift += 2;
    }
    const float mean = (float)(uint32_t)(sum >> shift) / (float)IMSE_SEGMENT_SAMPLES;
    return UNIT_TO_PCM / (__builtin_sqrtf(mean) * (float)(1u << (shift / 2)));
}

void imse_segment_analyze(const int16_t *pcm, float gain, imse_feature_t *features) {
    for (uint32_t t = 0; t < IMSE_SEGMENT_FRAMES; ++t) {
        analyze_frame(pcm, gain, t);
        for (uint32_t k = 0; k < IMSE_BANDS; ++k) {
            const float re = spectrum[2 * k], im = spectrum[2 * k + 1];
            float power = re * re + im * im;
            if (power < POWER_FLOOR) {
                power = POWER_FLOOR;
            }
            const float magnitude =
                imse_power(power, exponent_high, exponent_low, exponent_full);
            *features++ = quantize_feature(magnitude);
            *features++ = quantize_feature(imse_angle(im, re));
        }
    }
}

/* Gives every bin of the spectrum its enhanced magnitude and phase. */
static void apply(const imse_mask_t *mask, const imse_phase_t *phase) {
    for (uint32_t k = 0; k < IMSE_BANDS; ++k) {
        float *bin = spectrum + 2 * k;
        const float magnitude = __builtin_sqrtf(bin[0] * bin[0] + bin[1] * bin[1]);
        const float level = (float)(mask[k] - IMSE_MASK_ZERO_POINT) * (MASK_LIMIT * IMSE_MASK_SCALE);
        float factor = 0.0f;
        if (level > 0.0f) {
            factor = magnitude * imse_power(level, expansion_high, expansion_low, expansion_full);
        }
        float a = (float)(phase[2 * k] - IMSE_PHASE_ZERO_POINT);
        const float b = (float)(phase[2 * k + 1] - IMSE_PHASE_ZERO_POINT);
        float norm = a * a + b * b;
        if (norm == 0.0f) {
            a = norm = 1.0f; /* no direction: angle 0 */
        }
        const float scale = factor / __builtin_sqrtf(norm);
        bin[0] = scale * a;
        bin[1] = scale * b;
    }
    spectrum[1] = 0.0f;
    spectrum[2 * CENTRE + 1] = 0.0f;
}

/* Moves the sums on by one hop and stores what is finished; returns the next position. */
static int32_t finish_hop(int32_t position, float level, int16_t *out) {
    for (int32_t n = 0; n < IMSE_HOP; ++n, ++position) {
        if (position >= 0 && position < IMSE_SEGMENT_SAMPLES) {
            const float value = overlap[n] / weight[n] * level * UNIT_TO_PCM;
            out[position] = (int16_t)imse_round_saturate(value, -32768.0f, 32767.0f);
        }
    }
    memmove(overlap, overlap + IMSE_HOP, (N - IMSE_HOP) * sizeof *overlap);
    memmove(weight, weight + IMSE_HOP, (N - IMSE_HOP) * sizeof *weight);
    memset(overlap + N - IMSE_HOP, 0, IMSE_HOP * sizeof *overlap);
    memset(weight + N - IMSE_HOP, 0, IMSE_HOP * sizeof *weight);
    return position;
}

void imse_segment_synthesize(const int16_t *pcm, float gain, const imse_mask_t *mask,
                             const imse_phase_t *phase, int16_t *out) {
    const float level = 1.0f / gain;
    int32_t position = -CENTRE;
    memset(overlap, 0, sizeof overlap);
    memset(weight, 0, sizeof weight);
    for (uint32_t t = 0; t < IMSE_SEGMENT_FRAMES; ++t) {
        analyze_frame(pcm, gain, t);
        apply(mask, phase);
        mask += IMSE_BANDS;
        phase += 2 * IMSE_BANDS;
        synthesize_frame();
        for (int32_t n = 0; n < N; ++n) {
            const float w = imse_hann[n < CENTRE ? n : N - n];
            overlap[n] += frame[n] * w;
            weight[n] += w * w;
        }
        position = finish_hop(position, level, out);
    }
    while (position < IMSE_SEGMENT_SAMPLES) {
        position = finish_hop(position, level, out);
    }
}
