/* The network 'test' compiled ahead of time. Generated, do not edit.
 * 10 layers, 0 multiply-accumulates per frame.
 * Arena 4912 bytes, state 240 bytes. */
#include "network_aot.h"

#include <stdint.h>
#include <string.h>

#include "imse_cmsis_nn.h"
#include "imse_copy.h"
#include "imse_mul_s8_dsp.h"
#include "imse_prelu_s8_dsp.h"
#include "imse_table.h"
#include "imse_network.h"

/* The layers only call kernels: size matters here, not speed. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("Os")
#endif

#define IMSE_RECORDS __attribute__((section(".rodata.imse_weights")))
/* Arrays of bytes are read by words, too. */
#define IMSE_WEIGHTS IMSE_RECORDS __attribute__((aligned(4)))
/* Layers stay functions of their own, so that a profiler can tell them apart. */
#if defined(__GNUC__) && !defined(__clang__)
#define IMSE_LAYER static void __attribute__((noinline, no_icf))
#else
#define IMSE_LAYER static void __attribute__((noinline))
#endif
#define IMSE_S8(p) ((int8_t *)(void *)(p))
#define IMSE_CONST_S8(p) ((const int8_t *)(const void *)(p))
#define IMSE_S16(p) ((int16_t *)(void *)(p))
#define IMSE_S32(p) ((int32_t *)(void *)(p))

const char imse_network_runtime[] = "aot";

/* Activations of one frame. */
int8_t imse_arena[IMSE_ARENA_BYTES] __attribute__((section(".bss.imse_arena"), aligned(16)));

/* What is carried from frame to frame. */
int8_t imse_state[IMSE_STATE_BYTES] __attribute__((section(".bss.imse_state"), aligned(16)));

static const int8_t *imse_features;
static int8_t *imse_mask;
static int8_t *imse_phase;

/* Row of the newest frame in the ring buffers, by their number of rows. */
static int32_t newest_of_3;

/* Row of a ring buffer that was written `past` frames before the newest one. */
static inline int32_t imse_row(int32_t newest, int32_t past, int32_t rows) {
  const int32_t row = newest - past;
  return row < 0 ? row + rows : row;
}

typedef struct {
  int32_t rows;
  int32_t every;   /* rows from one tap to the next */
  int32_t pitch;   /* bytes from one row to the next */
  int32_t columns; /* taps per row */
  int32_t step;    /* bytes from one tap to the next */
} imse_ring_t;

/* First inputs of the rows with taps, the oldest first. */
static void __attribute__((noinline, unused))
imse_ring_taps(const imse_ring_t *p, const int8_t **tap, const int8_t *base, int32_t newest) {
  for (int32_t past = p->rows - 1; past >= 0; past -= p->every) {
    const int8_t *const row = base + imse_row(newest, past, p->rows) * p->pitch;
    for (int32_t column = 0; column < p->columns; ++column) {
      *tap++ = row + column * p->step;
    }
  }
}

static const imse_copy_t copy_0_0_48_1 = {0, 0, 48, 1};

static const int8_t weights_001[120] IMSE_WEIGHTS = {
  113, 32, 47, 101, 20, 70, 85, -70, -113, -51, -55, 95, 105, -126, 0, 82, -94, 76, -97, -8, 81,
  -50, -40, -57, 56, -63, 125, -14, -6, 1, 21, 14, 2, 126, 78, 75, 51, 31, -41, 125, -9, -73, 88,
  -87, 91, 29, -98, -116, -14, -118, -91, 4, 120, -9, 79, 106, 82, 33, -15, 4, -60, -1, -31, -64,
  126, -124, -103, -78, 120, 49, 97, -76, 56, -33, -3, -127, 30, 84, 42, -88, 9, -59, 119, 97,
  -80, 2, 112, 89, 53, 36, -117, 62, -7, -104, -65, 10, 58, 2, 29, 95, 47, -35, 37, 25, -100,
  -112, 41, -29, 25, -45, -70, -89, -30, 81, -25, -31, 19, 122, -27, 23,
};

static const int32_t bias_001[8] IMSE_WEIGHTS = {
  2806, 2708, -1710, -2955, 1030, -2915, -1198, -18,
};

static const int32_t multipliers_001[8] IMSE_WEIGHTS = {
  1626009865, 1741290545, 1886246219, 1264468674, 1154371581, 1520830200, 2134150831, 1129966102,
};

static const int32_t shifts_001[8] IMSE_WEIGHTS = {
  -8, -8, -8, -9, -8, -9, -9, -9,
};

static const int8_t positive_002[153] IMSE_WEIGHTS = {
  113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127,
};

static const int32_t slopes_002[8] IMSE_WEIGHTS = {
  190, -208, 82, 16, -188, 176, 176, -8,
};

static const imse_copy_t copy_8_8_8_10 = {8, 8, 8, 10};

static const int8_t weights_006[72] IMSE_WEIGHTS = {
  117, 18, -56, -90, 16, -78, 64, 109, -65, 13, -115, -81, -31, 98, 120, 36, 21, 18, -112, -32,
  123, -23, -73, -66, 54, -118, 120, 96, 17, -8, 67, 12, -6, -45, -14, 64, -113, -121, 56, -33,
  77, -120, 104, -96, -21, 119, -100, 40, 58, -18, -107, 6, -17, 95, 46, -40, -113, 23, -56, 47,
  93, -37, 103, 5, 8, 68, 74, 104, 127, -89, -22, 111,
};

static const int32_t bias_006[8] IMSE_WEIGHTS = {
  1758, 2713, 78, -2476, 1355, -1617, -1642, -1843,
};

static const int32_t multipliers_006[8] IMSE_WEIGHTS = {
  1205963926, 1427590944, 1609074034, 1585504968, 1425394464, 1624976754, 1228982023, 1101932639,
};

static const int32_t shifts_006[8] IMSE_WEIGHTS = {
  -9, -7, -7, -9, -8, -7, -9, -7,
};

static const int16_t table_009[256] IMSE_WEIGHTS = {
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -2, -2, -4, -4, -6, -6, -6, -6, -6, -6, -6, -6, -4, -4, -2,
  -2, 0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 22, 26, 28, 32, 36, 40, 44, 48, 52, 54, 58, 60, 62, 66,
  68, 72, 74, 78, 80, 82, 86, 88, 92, 94, 98, 100, 102, 106, 108, 112, 114, 118, 120, 122, 126,
  128, 132, 134, 138, 140, 142, 146, 148, 152, 154, 158, 160, 162, 166, 168, 172, 174, 178, 180,
  182, 186, 188, 192, 194, 198, 200, 202, 206, 208, 212, 214, 218, 220, 222, 226, 228, 232, 234,
  238, 240, 242, 246, 248, 252, 254, 258, 260, 262, 266, 268, 272, 274, 278, 280, 282, 286, 288,
  292, 294, 298, 300, 302, 306, 308, 312, 314, 318, 320, 322, 326, 328, 332, 334, 338, 340, 342,
  346, 348, 352, 354, 358, 360, 362, 366, 368, 372, 374,
};

static const int8_t weights_010[32] IMSE_WEIGHTS = {
  -35, -100, -82, -27, -39, -48, 114, 93, 19, 124, -41, -92, -58, -105, 115, -72, -14, -76, 123,
  -87, 4, 115, 5, 102, 101, 68, 62, 20, 21, 84, -19, 114,
};

static const int32_t bias_010[8] IMSE_WEIGHTS = {
  1079, 1058, -1140, 1302, -2192, 777, 2526, 2829,
};

static const int32_t multipliers_010[8] IMSE_WEIGHTS = {
  2106066798, 1524030205, 2064451865, 1093992866, 1317823589, 1616000126, 1507972925, 1195596174,
};

static const int32_t shifts_010[8] IMSE_WEIGHTS = {
  -8, -6, -9, -7, -7, -6, -8, -6,
};

static const int8_t weights_012[16] IMSE_WEIGHTS = {
  -51, -43, 30, -26, 59, -76, -84, -115, -8, -73, -51, 106, 80, 87, 24, -99,
};

static const int32_t bias_012[2] IMSE_WEIGHTS = {
  568, -264,
};

static const int32_t multipliers_012[2] IMSE_WEIGHTS = {
  1110300209, 1713804199,
};

static const int32_t shifts_012[2] IMSE_WEIGHTS = {
  -7, -8,
};

static const int8_t table_013[256] IMSE_WEIGHTS = {
  -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128,
  -128, -128, -128, -127, -127, -127, -127, -126, -126, -126, -125, -124, -123, -122, -120, -118,
  -115, -112, -107, -102, -96, -89, -80, -70, -58, -45, -31, -16, 0, 16, 31, 45, 58, 70, 80, 89,
  96, 102, 107, 112, 115, 118, 120, 122, 123, 124, 125, 126, 126, 126, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
  127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127,
};

/* border of CONV_2D 't_2' */
/* 1x1x16x3 -> 1x1x19x3 */
IMSE_LAYER layer_000_pad(void) {
  memset(imse_arena + 128 + 0, 3, 3);
  memset(imse_arena + 128 + 51, 3, 6);
  imse_copy_rows(&copy_0_0_48_1, (imse_arena + 131), (imse_features));
}

/* CONV_2D 't_2' */
/* 1x1x19x3 -> 1x1x8x8 */
IMSE_LAYER layer_001_conv(void) {
  static const imse_conv_cmsis_t p = {
      .conv = {-3, -25, {2, 1}, {0, 0}, {1, 1}, {-128, 127}}, .input = {1, 1, 19, 3},
      .filter = {8, 1, 5, 3}, .output = {1, 1, 8, 8}, .weights = weights_001, .bias = bias_001,
      .multiplier = multipliers_001, .shift = shifts_001, .buffer = imse_arena + 0,
      .buffer_bytes = 64,
  };
  imse_conv_s8_cmsis(&p, imse_arena + 128, imse_arena + 64);
}

/* PRELU 't_5' */
/* 1x1x8x8 1x1x8 -> 1x1x8x8 */
IMSE_LAYER layer_002_prelu(void) {
  static const imse_prelu_dsp_t p = {
      .positive = positive_002, .slopes = slopes_002, .n = 8, .in_pitch = 8, .out_pitch = 8,
      .zero_point = -25, .mantissa = 2134383589, .add = 29056, .shift = 8,
  };
  imse_prelu_s8_dsp(&p, imse_arena + 64, imse_state + 8 + newest_of_3 * 80, 8);
}

/* DEPTHWISE_CONV_2D 't_15' */
/* 1x3x10x8 -> 1x1x8x8 */
IMSE_LAYER layer_006_depthwise(void) {
  static const imse_dwconv_cmsis_t p = {
      .conv = {-113, -4, 1, {1, 1}, {0, 0}, {1, 1}, {-128, 127}}, .input = {1, 3, 10, 8},
      .filter = {1, 3, 3, 8}, .output = {1, 1, 8, 8}, .weights = weights_006, .bias = bias_006,
      .multiplier = multipliers_006, .shift = shifts_006, .buffer = imse_arena + 240,
      .buffer_bytes = 4600,
  };
  imse_copy_rows(&copy_8_8_8_10, imse_arena + 0 + 0, imse_state + 0 + imse_row(newest_of_3, 2, 3) * 80);
  imse_copy_rows(&copy_8_8_8_10, imse_arena + 0 + 80, imse_state + 0 + imse_row(newest_of_3, 1, 3) * 80);
  imse_copy_rows(&copy_8_8_8_10, imse_arena + 0 + 160, imse_state + 0 + newest_of_3 * 80);
  imse_dwconv_s8_cmsis(&p, imse_arena + 0, imse_arena + 4848);
}

/* HARD_SWISH 't_21', MUL 't_22' */
/* 1x1x8x4 1x1x8x4 -> 1x1x8x4 */
IMSE_LAYER layer_009_mul(void) {
  static const imse_mul_dsp_t p = {
      .b_offset = 4, .mantissa = 1717986935, .add = 3344, .shift = 5, .table = table_009,
      .n = 4,
  };
  for (int32_t i0 = 0; i0 < 8; ++i0) {
    imse_mul_table_s8_dsp(&p, imse_arena + 4848 + i0 * 8, imse_arena + 4852 + i0 * 8, imse_arena + 128 + i0 * 4);
  }
}

/* CONV_2D 't_24' */
/* 1x1x8x4 -> 1x1x8x8 */
IMSE_LAYER layer_010_conv(void) {
  static const imse_conv_cmsis_t p = {
      .conv = {-104, 96, {1, 1}, {0, 0}, {1, 1}, {-128, 127}}, .input = {1, 1, 8, 4},
      .filter = {8, 1, 1, 4}, .output = {1, 1, 8, 8}, .weights = weights_010, .bias = bias_010,
      .multiplier = multipliers_010, .shift = shifts_010, .buffer = imse_arena + 0,
      .buffer_bytes = 64,
  };
  imse_conv_s8_cmsis(&p, imse_arena + 128, imse_arena + 64);
}

/* ADD 't_26' */
/* 1x1x8x8 1x1x8x8 -> 1x1x8x8 */
IMSE_LAYER layer_011_add(void) {
  static const imse_pair_cmsis_t p = {
      .a_offset = -113, .a_mantissa = 1647863594, .a_shift = -4, .b_offset = -96,
      .b_mantissa = 1073741824, .b_shift = 0, .left_shift = 20, .out_offset = 0,
      .out_mantissa = 1865723302, .out_shift = -16, .low = -128, .high = 127,
  };
  imse_add_s8_cmsis(&p, imse_state + 8 + newest_of_3 * 80, imse_arena + 64, imse_arena + 64, 64);
}

/* CONV_2D 't_28' */
/* 1x1x8x8 -> 1x1x8x2 */
IMSE_LAYER layer_012_conv(void) {
  static const imse_conv_cmsis_t p = {
      .conv = {0, -84, {1, 1}, {0, 0}, {1, 1}, {-128, 127}}, .input = {1, 1, 8, 8},
      .filter = {2, 1, 1, 8}, .output = {1, 1, 8, 2}, .weights = weights_012, .bias = bias_012,
      .multiplier = multipliers_012, .shift = shifts_012, .buffer = imse_arena + 0,
      .buffer_bytes = 64,
  };
  imse_conv_s8_cmsis(&p, imse_arena + 64, imse_arena + 128);
}

/* LOGISTIC 't_30' */
/* 1x1x8x2 -> 1x1x8x2 */
IMSE_LAYER layer_013_table(void) {
  imse_table_s8(table_013, imse_arena + 128, imse_mask, 16);
}

/* BATCH_MATMUL 't_33' */
/* 1x1x8x8 1x1x8x8 -> 1x1x8x8 */
IMSE_LAYER layer_015_matmul(void) {
  static const imse_matmul_cmsis_t p = {
      .layer = {0, 0, 3, {-128, 127}}, .a = {1, 1, 8, 8}, .b = {1, 1, 8, 8},
      .output = {1, 1, 8, 8}, .multiplier = 1374389601, .shift = -7, .sums = imse_arena + 0,
  };
  imse_matmul_s8_cmsis(&p, imse_arena + 64, imse_arena + 64, imse_phase);
}

void imse_network_reset(void) {
  static const struct {
    uint32_t offset, bytes;
    int32_t value;
  } fills[] = {
    {0, 240, 113},
  };
  for (uint32_t i = 0; i < sizeof fills / sizeof fills[0]; ++i) {
    memset(imse_state + fills[i].offset, (int)fills[i].value, fills[i].bytes);
  }
  newest_of_3 = 0;
}

int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {
  imse_features = features;
  imse_mask = mask;
  imse_phase = phase;
  layer_000_pad();
  layer_001_conv();
  layer_002_prelu();
  layer_006_depthwise();
  layer_009_mul();
  layer_010_conv();
  layer_011_add();
  layer_012_conv();
  layer_013_table();
  layer_015_matmul();
  newest_of_3 = newest_of_3 + 1 < 3 ? newest_of_3 + 1 : 0;
  return imse_cmsis_nn_status;
}

/* kernels/imse_add_s8_cmsis.c */
/* kernels/imse_cmsis_nn.h */
/* kernels/imse_cmsis_nn_check.c */
/* kernels/imse_conv_s8_cmsis.c */
/* kernels/imse_copy.h */
/* kernels/imse_copy_rows.c */
/* kernels/imse_dwconv_s8_cmsis.c */
/* kernels/imse_matmul_s8_cmsis.c */
/* kernels/imse_mul_s8_dsp.c */
/* kernels/imse_mul_s8_dsp.h */
/* kernels/imse_prelu_s8_dsp.c */
/* kernels/imse_prelu_s8_dsp.h */
/* kernels/imse_simd.h */
/* kernels/imse_table.h */
/* kernels/imse_table_s8.c */
