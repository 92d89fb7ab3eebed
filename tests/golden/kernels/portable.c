/* The network 'test' compiled ahead of time. Generated, do not edit.
 * 11 layers, 0 multiply-accumulates per frame.
 * Arena 128 bytes, state 240 bytes. */
#include "network_aot.h"

#include <stdint.h>
#include <string.h>

#include "imse_add.h"
#include "imse_conv_s8.h"
#include "imse_copy.h"
#include "imse_dwconv_s8.h"
#include "imse_matmul.h"
#include "imse_mul.h"
#include "imse_prelu_s8.h"
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

static const imse_channel_t channels_001[8] IMSE_RECORDS = {
  {2806, 1626009865, -8}, {2708, 1741290545, -8}, {-1710, 1886246219, -8},
  {-2955, 1264468674, -9}, {1030, 1154371581, -8}, {-2915, 1520830200, -9},
  {-1198, 2134150831, -9}, {-18, 1129966102, -9},
};

static const int8_t constant_005[8] IMSE_WEIGHTS = {
  95, -104, 41, 8, -94, 88, 88, -4,
};

static const int8_t weights_006[72] IMSE_WEIGHTS = {
  117, 18, -56, -90, 16, -78, 64, 109, -65, 13, -115, -81, -31, 98, 120, 36, 21, 18, -112, -32,
  123, -23, -73, -66, 54, -118, 120, 96, 17, -8, 67, 12, -6, -45, -14, 64, -113, -121, 56, -33,
  77, -120, 104, -96, -21, 119, -100, 40, 58, -18, -107, 6, -17, 95, 46, -40, -113, 23, -56, 47,
  93, -37, 103, 5, 8, 68, 74, 104, 127, -89, -22, 111,
};

static const imse_channel_t channels_006[8] IMSE_RECORDS = {
  {1758, 1205963926, -9}, {2713, 1427590944, -7}, {78, 1609074034, -7}, {-2476, 1585504968, -9},
  {1355, 1425394464, -8}, {-1617, 1624976754, -7}, {-1642, 1228982023, -9},
  {-1843, 1101932639, -7},
};

static const imse_ring_t ring_3_1_80_3_8 = {3, 1, 80, 3, 8};

static const int8_t table_009[256] IMSE_WEIGHTS = {
  -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78,
  -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78,
  -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78,
  -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78,
  -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78,
  -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -78, -79, -79, -80, -80, -81, -81,
  -81, -81, -81, -81, -81, -81, -80, -80, -79, -79, -78, -77, -76, -75, -74, -73, -72, -71, -70,
  -68, -67, -65, -64, -62, -60, -58, -56, -54, -52, -51, -49, -48, -47, -45, -44, -42, -41, -39,
  -38, -37, -35, -34, -32, -31, -29, -28, -27, -25, -24, -22, -21, -19, -18, -17, -15, -14, -12,
  -11, -9, -8, -7, -5, -4, -2, -1, 1, 2, 3, 5, 6, 8, 9, 11, 12, 13, 15, 16, 18, 19, 21, 22, 23,
  25, 26, 28, 29, 31, 32, 33, 35, 36, 38, 39, 41, 42, 43, 45, 46, 48, 49, 51, 52, 53, 55, 56, 58,
  59, 61, 62, 63, 65, 66, 68, 69, 71, 72, 73, 75, 76, 78, 79, 81, 82, 83, 85, 86, 88, 89, 91, 92,
  93, 95, 96, 98, 99, 101, 102, 103, 105, 106, 108, 109,
};

static const int8_t weights_011[32] IMSE_WEIGHTS = {
  -35, -100, -82, -27, -39, -48, 114, 93, 19, 124, -41, -92, -58, -105, 115, -72, -14, -76, 123,
  -87, 4, 115, 5, 102, 101, 68, 62, 20, 21, 84, -19, 114,
};

static const imse_channel_t channels_011[8] IMSE_RECORDS = {
  {1079, 2106066798, -8}, {1058, 1524030205, -6}, {-1140, 2064451865, -9}, {1302, 1093992866, -7},
  {-2192, 1317823589, -7}, {777, 1616000126, -6}, {2526, 1507972925, -8}, {2829, 1195596174, -6},
};

static const int8_t weights_013[16] IMSE_WEIGHTS = {
  -51, -43, 30, -26, 59, -76, -84, -115, -8, -73, -51, 106, 80, 87, 24, -99,
};

static const imse_channel_t channels_013[2] IMSE_RECORDS = {
  {568, 1110300209, -7}, {-264, 1713804199, -8},
};

static const int8_t table_014[256] IMSE_WEIGHTS = {
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
  memset(imse_arena + 64 + 0, 3, 3);
  memset(imse_arena + 64 + 51, 3, 6);
  imse_copy_rows(&copy_0_0_48_1, (imse_arena + 67), (imse_features));
}

/* CONV_2D 't_2' */
/* 1x1x19x3 -> 1x1x8x8 */
IMSE_LAYER layer_001_conv(void) {
  static const imse_conv_t p = {
      .weights = weights_001, .channels = channels_001, .input_offset = -3,
      .output_offset = -25, .low = -128, .high = 127, .taps = 1, .run = 15, .pixels = 8,
      .step = 6, .out_channels = 8, .out_pitch = 8,
  };
  static const int8_t *const tap[1] = {
      imse_arena + 64,
  };
  imse_conv_s8(&p, tap, imse_arena + 0);
}

/* PRELU 't_5' */
/* 1x1x8x8 1x1x8 -> 1x1x8x8 */
IMSE_LAYER layer_002_prelu(void) {
  static const imse_prelu_t p = {
      .positive = {2084358875, 0}, .negative = {2134383589, -8}, .input_offset = 25,
      .alpha_offset = 0, .output_offset = 113,
  };
  for (int32_t i0 = 0; i0 < 8; ++i0) {
    imse_prelu_s8(&p, imse_arena + 0 + i0 * 8, constant_005, 1, imse_state + 8 + newest_of_3 * 80 + i0 * 8, 8);
  }
}

/* DEPTHWISE_CONV_2D 't_15' */
/* 1x3x10x8 -> 1x1x8x8 */
IMSE_LAYER layer_006_depthwise(void) {
  static const imse_dwconv_t p = {
      .weights = weights_006, .params = channels_006, .input_offset = -113, .output_offset = -4,
      .low = -128, .high = 127, .taps = 9, .pixels = 8, .step = 8, .channels = 8,
      .multiplier = 1, .out_pitch = 8,
  };
  const int8_t *tap[9];
  imse_ring_taps(&ring_3_1_80_3_8, tap, imse_state + 0, newest_of_3);
  imse_dwconv_s8(&p, tap, imse_arena + 0);
}

/* HARD_SWISH 't_21' */
/* 1x1x8x4 -> 1x1x8x4 */
IMSE_LAYER layer_009_table(void) {
  for (int32_t i0 = 0; i0 < 8; ++i0) {
    imse_table_s8(table_009, imse_arena + 0 + i0 * 8, imse_arena + 64 + i0 * 4, 4);
  }
}

/* MUL 't_22' */
/* 1x1x8x4 1x1x8x4 -> 1x1x8x4 */
IMSE_LAYER layer_010_mul(void) {
  static const imse_mul_t p = {
      .out = {1717986935, -5}, .a_offset = 78, .b_offset = 4, .output_offset = 104, .low = -128,
      .high = 127,
  };
  for (int32_t i0 = 0; i0 < 8; ++i0) {
    imse_mul_s8(&p, imse_arena + 64 + i0 * 4, 1, imse_arena + 4 + i0 * 8, 1, imse_arena + 64 + i0 * 4, 4);
  }
}

/* CONV_2D 't_24' */
/* 1x1x8x4 -> 1x1x8x8 */
IMSE_LAYER layer_011_conv(void) {
  static const imse_conv_t p = {
      .weights = weights_011, .channels = channels_011, .input_offset = -104,
      .output_offset = 96, .low = -128, .high = 127, .taps = 1, .run = 4, .pixels = 8,
      .step = 4, .out_channels = 8, .out_pitch = 8,
  };
  static const int8_t *const tap[1] = {
      imse_arena + 64,
  };
  imse_conv_s8(&p, tap, imse_arena + 0);
}

/* ADD 't_26' */
/* 1x1x8x8 1x1x8x8 -> 1x1x8x8 */
IMSE_LAYER layer_012_add(void) {
  static const imse_add_t p = {
      .out = {1865723302, -16}, .a_offset = -113, .b_offset = -96, .output_offset = 0,
      .low = -128, .high = 127, .a = {1647863594, -4}, .b = {1073741824, 0}, .left_shift = 20,
      .sign = 1,
  };
  imse_add_s8(&p, imse_state + 8 + newest_of_3 * 80, 1, imse_arena + 0, 1, imse_arena + 0, 64);
}

/* CONV_2D 't_28' */
/* 1x1x8x8 -> 1x1x8x2 */
IMSE_LAYER layer_013_conv(void) {
  static const imse_conv_t p = {
      .weights = weights_013, .channels = channels_013, .input_offset = 0, .output_offset = -84,
      .low = -128, .high = 127, .taps = 1, .run = 8, .pixels = 8, .step = 8, .out_channels = 2,
      .out_pitch = 2,
  };
  static const int8_t *const tap[1] = {
      imse_arena + 0,
  };
  imse_conv_s8(&p, tap, imse_arena + 64);
}

/* LOGISTIC 't_30' */
/* 1x1x8x2 -> 1x1x8x2 */
IMSE_LAYER layer_014_table(void) {
  imse_table_s8(table_014, imse_arena + 64, imse_mask, 16);
}

/* BATCH_MATMUL 't_33' */
/* 1x1x8x8 1x1x8x8 -> 1x1x8x8 */
IMSE_LAYER layer_016_matmul(void) {
  static const imse_matmul_t p = {
      .out = {1374389601, -7}, .a_offset = 0, .b_offset = 0, .output_offset = 3, .rows = 8,
      .depth = 8, .cols = 8, .a_row = 8, .a_col = 1, .b_row = 1, .b_col = 8, .out_row = 8,
  };
  imse_matmul_s8(&p, imse_arena + 0, imse_arena + 0, imse_phase);
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
  layer_009_table();
  layer_010_mul();
  layer_011_conv();
  layer_012_add();
  layer_013_conv();
  layer_014_table();
  layer_016_matmul();
  newest_of_3 = newest_of_3 + 1 < 3 ? newest_of_3 + 1 : 0;
  return 0;
}

/* kernels/imse_add.h */
/* kernels/imse_add_s8.c */
/* kernels/imse_conv_s8.c */
/* kernels/imse_conv_s8.h */
/* kernels/imse_copy.h */
/* kernels/imse_copy_rows.c */
/* kernels/imse_dwconv_s8.c */
/* kernels/imse_dwconv_s8.h */
/* kernels/imse_fixedpoint.h */
/* kernels/imse_matmul.h */
/* kernels/imse_matmul_s8.c */
/* kernels/imse_mul.h */
/* kernels/imse_mul_s8.c */
/* kernels/imse_prelu_s8.c */
/* kernels/imse_prelu_s8.h */
/* kernels/imse_table.h */
/* kernels/imse_table_s8.c */
