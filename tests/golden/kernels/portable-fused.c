/* The network 'test' compiled ahead of time. Generated, do not edit.
 * 27 layers, 0 multiply-accumulates per frame.
 * Arena 960 bytes, state 0 bytes. */
#include "network_aot.h"

#include <stdint.h>
#include <string.h>

#include "imse_add.h"
#include "imse_copy.h"
#include "imse_matmul.h"
#include "imse_mean.h"
#include "imse_mul.h"
#include "imse_requant.h"
#include "imse_rsqrt_s16.h"
#include "imse_squared_difference.h"
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


static const int16_t table_000[256] IMSE_WEIGHTS = {
  -26200, -26000, -25800, -25600, -25400, -25200, -25000, -24800, -24600, -24400, -24200, -24000,
  -23800, -23600, -23400, -23200, -23000, -22800, -22600, -22400, -22200, -22000, -21800, -21600,
  -21400, -21200, -21000, -20800, -20600, -20400, -20200, -20000, -19800, -19600, -19400, -19200,
  -19000, -18800, -18600, -18400, -18200, -18000, -17800, -17600, -17400, -17200, -17000, -16800,
  -16600, -16400, -16200, -16000, -15800, -15600, -15400, -15200, -15000, -14800, -14600, -14400,
  -14200, -14000, -13800, -13600, -13400, -13200, -13000, -12800, -12600, -12400, -12200, -12000,
  -11800, -11600, -11400, -11200, -11000, -10800, -10600, -10400, -10200, -10000, -9800, -9600,
  -9400, -9200, -9000, -8800, -8600, -8400, -8200, -8000, -7800, -7600, -7400, -7200, -7000,
  -6800, -6600, -6400, -6200, -6000, -5800, -5600, -5400, -5200, -5000, -4800, -4600, -4400,
  -4200, -4000, -3800, -3600, -3400, -3200, -3000, -2800, -2600, -2400, -2200, -2000, -1800,
  -1600, -1400, -1200, -1000, -800, -600, -400, -200, 0, 200, 400, 600, 800, 1000, 1200, 1400,
  1600, 1800, 2000, 2200, 2400, 2600, 2800, 3000, 3200, 3400, 3600, 3800, 4000, 4200, 4400, 4600,
  4800, 5000, 5200, 5400, 5600, 5800, 6000, 6200, 6400, 6600, 6800, 7000, 7200, 7400, 7600, 7800,
  8000, 8200, 8400, 8600, 8800, 9000, 9200, 9400, 9600, 9800, 10000, 10200, 10400, 10600, 10800,
  11000, 11200, 11400, 11600, 11800, 12000, 12200, 12400, 12600, 12800, 13000, 13200, 13400,
  13600, 13800, 14000, 14200, 14400, 14600, 14800, 15000, 15200, 15400, 15600, 15800, 16000,
  16200, 16400, 16600, 16800, 17000, 17200, 17400, 17600, 17800, 18000, 18200, 18400, 18600,
  18800, 19000, 19200, 19400, 19600, 19800, 20000, 20200, 20400, 20600, 20800, 21000, 21200,
  21400, 21600, 21800, 22000, 22200, 22400, 22600, 22800, 23000, 23200, 23400, 23600, 23800,
  24000, 24200, 24400, 24600, 24800,
};

static const int16_t constant_007[1] IMSE_WEIGHTS = {
  300,
};

static const imse_copy_t copy_16_16_8_12 = {16, 16, 8, 12};

static const int8_t constant_023[192] IMSE_WEIGHTS = {
  103, 22, 19, -40, 90, 127, 57, 39, 103, 22, 19, -40, 90, 127, 57, 39, -125, -42, -23, -4, -120,
  -127, -119, 127, -125, -42, -23, -4, -120, -127, -119, 127, 35, -90, 127, 27, 68, -96, 122, 124,
  35, -90, 127, 27, 68, -96, 122, 124, -126, -124, 111, -86, -126, -127, 1, 127, -126, -124, 111,
  -86, -126, -127, 1, 127, 45, -44, 38, -87, 127, 63, 71, -15, 45, -44, 38, -87, 127, 63, 71, -15,
  94, -127, 74, -80, -5, 106, -122, -127, 94, -127, 74, -80, -5, 106, -122, -127, 89, -82, -103,
  118, -97, -57, 74, 53, 89, -82, -103, 118, -97, -57, 74, 53, -93, 126, -107, -100, -81, -55, 74,
  -119, -93, 126, -107, -100, -81, -55, 74, -119, 8, -104, 104, 125, 27, -59, -40, 91, 8, -104,
  104, 125, 27, -59, -40, 91, -65, 86, 73, 120, 106, -114, 77, 45, -65, 86, 73, 120, 106, -114,
  77, 45, 115, -120, 53, 96, -79, -114, -91, -108, 115, -120, 53, 96, -79, -114, -91, -108, 8,
  123, 92, -125, -121, -56, 3, 125, 8, 123, 92, -125, -121, -56, 3, 125,
};

static const int8_t constant_026[192] IMSE_WEIGHTS = {
  75, 125, -126, -121, 89, -4, 114, 121, -75, -125, 126, 121, -89, 4, -114, -121, -24, -120, -125,
  -127, -42, 5, 43, 1, 24, 120, 125, 127, 42, -5, -43, -1, 122, 89, 7, -124, -108, 83, -35, -28,
  -122, -89, -7, 124, 108, -83, 35, 28, 13, -26, 61, 93, 12, -1, -127, -9, -13, 26, -61, -93, -12,
  1, 127, 9, -119, 119, -121, -92, -3, 110, -105, -126, 119, -119, 121, 92, 3, -110, 105, 126, 85,
  9, 103, 99, 127, -69, 34, 7, -85, -9, -103, -99, -127, 69, -34, -7, 91, -97, 75, -46, -82, -114,
  -103, 115, -91, 97, -75, 46, 82, 114, 103, -115, -87, 15, 69, 79, 98, 114, -103, -46, 87, -15,
  -69, -79, -98, -114, 103, 46, -127, -72, -73, 23, -124, 113, -120, 89, 127, 72, 73, -23, 124,
  -113, 120, -89, 109, -94, 104, 41, 71, 55, -101, -119, -109, 94, -104, -41, -71, -55, 101, 119,
  54, 42, -115, 83, 100, 55, -88, -67, -54, -42, 115, -83, -100, -55, 88, 67, -127, -30, 88, -25,
  39, -114, 127, -20, 127, 30, -88, 25, -39, 114, -127, 20,
};

static const int8_t table_025[256] IMSE_WEIGHTS = {
  -120, -119, -119, -118, -118, -117, -116, -116, -115, -114, -114, -113, -113, -112, -111, -111,
  -110, -109, -109, -108, -108, -107, -106, -106, -105, -104, -104, -103, -103, -102, -101, -101,
  -100, -99, -99, -98, -98, -97, -96, -96, -95, -94, -94, -93, -93, -92, -91, -91, -90, -89, -89,
  -88, -88, -87, -86, -86, -85, -84, -84, -83, -83, -82, -81, -81, -80, -79, -79, -78, -78, -77,
  -76, -76, -75, -74, -74, -73, -73, -72, -71, -71, -70, -69, -69, -68, -68, -67, -66, -66, -65,
  -64, -64, -63, -63, -62, -61, -61, -60, -59, -59, -58, -58, -57, -56, -56, -55, -54, -54, -53,
  -53, -52, -51, -51, -50, -49, -49, -48, -48, -47, -46, -46, -45, -44, -44, -43, -43, -42, -41,
  -41, -40, -39, -39, -38, -38, -37, -36, -36, -35, -34, -34, -33, -33, -32, -31, -31, -30, -29,
  -29, -28, -28, -27, -26, -26, -25, -24, -24, -23, -23, -22, -21, -21, -20, -19, -19, -18, -18,
  -17, -16, -16, -15, -14, -14, -13, -13, -12, -11, -11, -10, -9, -9, -8, -8, -7, -6, -6, -5, -4,
  -4, -3, -3, -2, -1, -1, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 7, 8, 9, 9, 10, 11, 11, 12, 12, 13,
  14, 14, 15, 16, 16, 17, 17, 18, 19, 19, 20, 21, 21, 22, 22, 23, 24, 24, 25, 26, 26, 27, 27, 28,
  29, 29, 30, 31, 31, 32, 32, 33, 34, 34, 35, 36, 36, 37, 37, 38, 39, 39,
};

/* QUANTIZE 't_1' */
/* 1x1x12x16 -> 1x1x12x16 */
IMSE_LAYER layer_000_table(void) {
  imse_table_s8_s16(table_000, imse_features, IMSE_S16(imse_arena + 0), 192);
}

/* MEAN 't_3' */
/* 1x1x12x16 -> 1x1x12x1 */
IMSE_LAYER layer_001_mean(void) {
  static const imse_mean_t p = {
      .out = {1073741824, -2}, .input_offset = 0, .output_offset = 0, .blocks = 1,
      .block_pitch = 0, .rows = 16, .row_pitch = 1, .columns = 12, .column_pitch = 16,
  };
  imse_mean_s16(&p, IMSE_S16(imse_arena + 0), IMSE_S16(imse_arena + 768));
}

/* SQUARED_DIFFERENCE 't_4' */
/* 1x1x12x16 1x1x12x1 -> 1x1x12x16 */
IMSE_LAYER layer_002_squared_difference(void) {
  static const imse_squared_difference_t p = {
      .out = {1172812288, -11}, .a_offset = 0, .b_offset = 0, .output_offset = 0, .low = -32768,
      .high = 32767, .a = {1073741824, 0}, .b = {1073741824, -1}, .left_shift = 0,
  };
  for (int32_t i0 = 0; i0 < 12; ++i0) {
    imse_squared_difference_s16(&p, IMSE_S16(imse_arena + 0) + i0 * 16, 1, IMSE_S16(imse_arena + 768) + i0, 0, IMSE_S16(imse_arena + 384) + i0 * 16, 16);
  }
}

/* MEAN 't_5' */
/* 1x1x12x16 -> 1x1x12x1 */
IMSE_LAYER layer_003_mean(void) {
  static const imse_mean_t p = {
      .out = {1610612853, -3}, .input_offset = 0, .output_offset = 0, .blocks = 1,
      .block_pitch = 0, .rows = 16, .row_pitch = 1, .columns = 12, .column_pitch = 16,
  };
  imse_mean_s16(&p, IMSE_S16(imse_arena + 384), IMSE_S16(imse_arena + 768));
}

/* ADD 't_8' */
/* 1x1x12x1 scalar -> 1x1x12x1 */
IMSE_LAYER layer_004_add(void) {
  static const imse_add_t p = {
      .out = {1717986793, -14}, .a_offset = 0, .b_offset = 0, .output_offset = 0, .low = -32768,
      .high = 32767, .a = {1073741824, 0}, .b = {1099511668, -12}, .left_shift = 15, .sign = 1,
  };
  imse_add_s16(&p, IMSE_S16(imse_arena + 768), 1, constant_007, 0, IMSE_S16(imse_arena + 768), 12);
}

/* RSQRT 't_9' */
/* 1x1x12x1 -> 1x1x12x1 */
IMSE_LAYER layer_005_reciprocalroot(void) {
  static const imse_multiplier_t p = {1953905950, 14};
  imse_rsqrt_s16(&p, IMSE_S16(imse_arena + 768), IMSE_S16(imse_arena + 792), 12);
}

/* MUL 't_10' */
/* 1x1x12x16 1x1x12x1 -> 1x1x12x16 */
IMSE_LAYER layer_006_mul(void) {
  static const imse_mul_t p = {
      .out = {1319413869, -9}, .a_offset = 0, .b_offset = 0, .output_offset = 0, .low = -32768,
      .high = 32767,
  };
  for (int32_t i0 = 0; i0 < 12; ++i0) {
    imse_mul_s16(&p, IMSE_S16(imse_arena + 0) + i0 * 16, 1, IMSE_S16(imse_arena + 792) + i0, 0, IMSE_S16(imse_arena + 384) + i0 * 16, 16);
  }
}

/* QUANTIZE 't_11' */
/* 1x1x12x16 -> 1x1x12x16 */
IMSE_LAYER layer_007_requantize(void) {
  static const imse_requant_t p = {
      .out = {1717987038, -5}, .input_offset = 0, .output_offset = 113, .low = -128,
      .high = 127,
  };
  imse_requant_s16_s8(&p, IMSE_S16(imse_arena + 384), imse_arena + 768, 192);
}

/* MEAN 't_13' */
/* 1x1x12x16 -> 1x1x1x16 */
IMSE_LAYER layer_008_mean(void) {
  static const imse_mean_t p = {
      .out = {715827882, -1}, .input_offset = 0, .output_offset = 0, .blocks = 1,
      .block_pitch = 0, .rows = 12, .row_pitch = 16, .columns = 16, .column_pitch = 1,
  };
  imse_mean_s16(&p, IMSE_S16(imse_arena + 0), IMSE_S16(imse_arena + 384));
}

/* SQUARED_DIFFERENCE 't_14' */
/* 1x1x12x16 1x1x1x16 -> 1x1x12x16 */
IMSE_LAYER layer_009_squared_difference(void) {
  static const imse_squared_difference_t p = {
      .out = {1172812288, -11}, .a_offset = 0, .b_offset = 0, .output_offset = 0, .low = -32768,
      .high = 32767, .a = {1073741824, 0}, .b = {1073741824, -1}, .left_shift = 0,
  };
  for (int32_t i0 = 0; i0 < 12; ++i0) {
    imse_squared_difference_s16(&p, IMSE_S16(imse_arena + 0) + i0 * 16, 1, IMSE_S16(imse_arena + 384), 1, IMSE_S16(imse_arena + 0) + i0 * 16, 16);
  }
}

/* MEAN 't_15' */
/* 1x1x12x16 -> 1x1x1x16 */
IMSE_LAYER layer_010_mean(void) {
  static const imse_mean_t p = {
      .out = {1073741902, -2}, .input_offset = 0, .output_offset = 0, .blocks = 1,
      .block_pitch = 0, .rows = 12, .row_pitch = 16, .columns = 16, .column_pitch = 1,
  };
  imse_mean_s16(&p, IMSE_S16(imse_arena + 0), IMSE_S16(imse_arena + 416));
}

/* SUB 't_17' */
/* 1x1x1x16 1x1x1x16 -> 1x1x1x16 */
IMSE_LAYER layer_011_sub(void) {
  static const imse_add_t p = {
      .out = {1717986793, -14}, .a_offset = 0, .b_offset = 0, .output_offset = 0, .low = -32768,
      .high = 32767, .a = {1073741824, -2}, .b = {1073741824, 0}, .left_shift = 15, .sign = -1,
  };
  imse_add_s16(&p, IMSE_S16(imse_arena + 384), 1, IMSE_S16(imse_arena + 416), 1, IMSE_S16(imse_arena + 384), 16);
}

/* QUANTIZE 't_18' */
/* 1x1x1x16 -> 1x1x1x16 */
IMSE_LAYER layer_012_requantize(void) {
  static const imse_requant_t p = {
      .out = {1145324692, -6}, .input_offset = 0, .output_offset = 32, .low = -128, .high = 127,
  };
  imse_requant_s16_s8(&p, IMSE_S16(imse_arena + 384), imse_mask, 16);
}

/* SPLIT_V 't_19' */
/* 1x1x12x16 -> 1x1x12x8 */
IMSE_LAYER layer_013_slice(void) {
  imse_copy_rows(&copy_16_16_8_12, (imse_arena + 8), (imse_arena + 768));
}

/* SPLIT_V 't_20' */
/* 1x1x12x16 -> 1x1x12x8 */
IMSE_LAYER layer_014_slice(void) {
  imse_copy_rows(&copy_16_16_8_12, (imse_arena + 0), (imse_arena + 776));
}

/* MUL 't_25' */
/* 1x1x12x16 1x1x12x16 -> 1x1x12x16 */
IMSE_LAYER layer_015_mul(void) {
  static const imse_mul_t p = {
      .out = {2061326610, -7}, .a_offset = -113, .b_offset = 0, .output_offset = 0, .low = -128,
      .high = 127,
  };
  imse_mul_s8(&p, imse_arena + 768, 1, constant_023, 1, imse_arena + 768, 192);
}

/* MUL 't_27' */
/* 1x1x12x16 1x1x12x16 -> 1x1x12x16 */
IMSE_LAYER layer_017_mul(void) {
  static const imse_mul_t p = {
      .out = {1967629930, -7}, .a_offset = -113, .b_offset = 0, .output_offset = 0, .low = -128,
      .high = 127,
  };
  imse_mul_s8(&p, imse_arena + 0, 1, constant_026, 1, imse_arena + 0, 192);
}

/* ADD 't_28' */
/* 1x1x12x16 1x1x12x16 -> 1x1x12x16 */
IMSE_LAYER layer_018_add(void) {
  static const imse_add_t p = {
      .out = {1524020670, -19}, .a_offset = 0, .b_offset = 0, .output_offset = 0, .low = -128,
      .high = 127, .a = {2049870738, -1}, .b = {1073741824, 0}, .left_shift = 20, .sign = 1,
  };
  imse_add_s8(&p, imse_arena + 768, 1, imse_arena + 0, 1, imse_arena + 768, 192);
}

/* BATCH_MATMUL 't_31' */
/* 1x2x12x8 1x2x12x8 -> 1x2x8x8 */
IMSE_LAYER layer_020_matmul(void) {
  static const imse_matmul_t p = {
      .out = {1320788280, -6}, .a_offset = 0, .b_offset = 0, .output_offset = 0, .rows = 8,
      .depth = 12, .cols = 8, .a_row = 1, .a_col = 8, .b_row = 8, .b_col = 1, .out_row = 8,
  };
  for (int32_t i0 = 0; i0 < 2; ++i0) {
    imse_matmul_s8(&p, imse_arena + 768 + i0 * 96, imse_arena + 768 + i0 * 96, imse_arena + 192 + i0 * 64);
  }
}

/* MEAN 't_32' */
/* 1x2x12x8 -> 1x2x1x8 */
IMSE_LAYER layer_021_mean(void) {
  static const imse_mean_t p = {
      .out = {1109533224, -1}, .input_offset = 0, .output_offset = 0, .blocks = 1,
      .block_pitch = 0, .rows = 12, .row_pitch = 8, .columns = 8, .column_pitch = 1,
  };
  for (int32_t i0 = 0; i0 < 2; ++i0) {
    imse_mean_s8(&p, imse_arena + 768 + i0 * 96, imse_arena + 408 + i0 * 8);
  }
}

/* BATCH_MATMUL 't_36' */
/* 1x2x12x8 1x2x8x1 -> 1x2x12x1 */
IMSE_LAYER layer_023_matmul(void) {
  static const imse_matmul_t p = {
      .out = {2130303744, -4}, .a_offset = 0, .b_offset = 0, .output_offset = -128, .rows = 12,
      .depth = 8, .cols = 1, .a_row = 8, .a_col = 1, .b_row = 1, .b_col = 1, .out_row = 1,
  };
  for (int32_t i0 = 0; i0 < 2; ++i0) {
    imse_matmul_s8(&p, imse_arena + 768 + i0 * 96, imse_arena + 408 + i0 * 8, imse_arena + 384 + i0 * 12);
  }
}

/* BATCH_MATMUL 't_37' */
/* 1x2x12x8 1x2x8x8 -> 1x2x12x8 */
IMSE_LAYER layer_024_matmul(void) {
  static const imse_matmul_t p = {
      .out = {1331439890, -2}, .a_offset = 0, .b_offset = 0, .output_offset = 5, .rows = 12,
      .depth = 8, .cols = 8, .a_row = 8, .a_col = 1, .b_row = 8, .b_col = 1, .out_row = 8,
  };
  for (int32_t i0 = 0; i0 < 2; ++i0) {
    imse_matmul_s8(&p, imse_arena + 768 + i0 * 96, imse_arena + 192 + i0 * 64, imse_arena + 0 + i0 * 96);
  }
}

/* QUANTIZE 't_38' */
/* 1x2x12x1 -> 1x2x12x1 */
IMSE_LAYER layer_025_table(void) {
  imse_table_s8(table_025, imse_arena + 384, imse_arena + 192, 24);
}

/* MUL 't_39' */
/* 1x2x12x8 1x2x12x1 -> 1x2x12x8 */
IMSE_LAYER layer_026_mul(void) {
  static const imse_mul_t p = {
      .out = {1912194180, -7}, .a_offset = -5, .b_offset = 120, .output_offset = 1, .low = -128,
      .high = 127,
  };
  for (int32_t i0 = 0; i0 < 24; ++i0) {
    imse_mul_s8(&p, imse_arena + 0 + i0 * 8, 1, imse_arena + 192 + i0, 0, imse_arena + 0 + i0 * 8, 8);
  }
}

/* SUB 't_40' */
/* 1x2x12x8 1x2x1x8 -> 1x2x12x8 */
IMSE_LAYER layer_027_sub(void) {
  static const imse_add_t p = {
      .out = {1204685918, -19}, .a_offset = -1, .b_offset = 0, .output_offset = 2, .low = -128,
      .high = 127, .a = {1073741824, 0}, .b = {1867377040, -2}, .left_shift = 20, .sign = -1,
  };
  for (int32_t i0 = 0; i0 < 2; ++i0) {
    for (int32_t i1 = 0; i1 < 12; ++i1) {
      imse_add_s8(&p, imse_arena + 0 + i0 * 96 + i1 * 8, 1, imse_arena + 408 + i0 * 8, 1, imse_arena + 192 + i0 * 96 + i1 * 8, 8);
    }
  }
}

/* MUL 't_41' */
/* 1x2x12x8 1x2x12x1 -> 1x2x12x8 */
IMSE_LAYER layer_028_mul(void) {
  static const imse_mul_t p = {
      .out = {1482894027, -6}, .a_offset = -2, .b_offset = 128, .output_offset = 3, .low = -128,
      .high = 127,
  };
  for (int32_t i0 = 0; i0 < 24; ++i0) {
    imse_mul_s8(&p, imse_arena + 192 + i0 * 8, 1, imse_arena + 384 + i0, 0, imse_arena + 192 + i0 * 8, 8);
  }
}

/* ADD 't_42' */
/* 1x2x12x8 1x2x12x8 -> 1x2x12x8 */
IMSE_LAYER layer_029_add(void) {
  static const imse_add_t p = {
      .out = {1334922253, -19}, .a_offset = -1, .b_offset = -3, .output_offset = 4, .low = -128,
      .high = 127, .a = {1073741824, 0}, .b = {1774008170, -1}, .left_shift = 20, .sign = 1,
  };
  imse_add_s8(&p, imse_arena + 0, 1, imse_arena + 192, 1, imse_phase, 192);
}

void imse_network_reset(void) {
}

int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {
  imse_features = features;
  imse_mask = mask;
  imse_phase = phase;
  layer_000_table();
  layer_001_mean();
  layer_002_squared_difference();
  layer_003_mean();
  layer_004_add();
  layer_005_reciprocalroot();
  layer_006_mul();
  layer_007_requantize();
  layer_008_mean();
  layer_009_squared_difference();
  layer_010_mean();
  layer_011_sub();
  layer_012_requantize();
  layer_013_slice();
  layer_014_slice();
  layer_015_mul();
  layer_017_mul();
  layer_018_add();
  layer_020_matmul();
  layer_021_mean();
  layer_023_matmul();
  layer_024_matmul();
  layer_025_table();
  layer_026_mul();
  layer_027_sub();
  layer_028_mul();
  layer_029_add();
  return 0;
}

/* kernels/imse_add.h */
/* kernels/imse_add_s16.c */
/* kernels/imse_add_s8.c */
/* kernels/imse_copy.h */
/* kernels/imse_copy_rows.c */
/* kernels/imse_fixedpoint.h */
/* kernels/imse_matmul.h */
/* kernels/imse_matmul_s8.c */
/* kernels/imse_mean.h */
/* kernels/imse_mean_s16.c */
/* kernels/imse_mean_s8.c */
/* kernels/imse_mul.h */
/* kernels/imse_mul_s16.c */
/* kernels/imse_mul_s8.c */
/* kernels/imse_requant.h */
/* kernels/imse_requant_s16_s8.c */
/* kernels/imse_rsqrt_s16.c */
/* kernels/imse_rsqrt_s16.h */
/* kernels/imse_squared_difference.h */
/* kernels/imse_squared_difference_s16.c */
/* kernels/imse_table.h */
/* kernels/imse_table_s8.c */
/* kernels/imse_table_s8_s16.c */
