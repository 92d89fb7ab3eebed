/*
 * What the boot ROM reads from the beginning of the flash (i.MX RT1060 Reference Manual, System
 * Boot): the flash's configuration block at 0x000 and the image vector table at 0x1000. The flash
 * of the MIMXRT1060-EVKB is an ISSI IS25WP064A: quad I/O fast read (0xeb), 6 dummy cycles.
 */
#include <stddef.h>
#include <stdint.h>

#include "imse_board_config.h"

/* A step of the flash interface's command sequence: what, on how many lines, with which operand. */
#define STEP(opcode, pads, operand) ((uint32_t)(operand) | (pads) << 8 | (opcode) << 10)
#define STEPS(first, second) ((first) | (second) << 16)
#define COMMAND 0x01u
#define ROW_ADDRESS 0x02u
#define DUMMY 0x0cu
#define READ 0x09u
#define ONE_LINE 0u
#define FOUR_LINES 2u

typedef struct {
    uint32_t tag;
    uint32_t version;
    uint32_t reserved0;
    uint8_t sample_clock;
    uint8_t cs_hold_time;
    uint8_t cs_setup_time;
    uint8_t column_address_width;
    uint32_t reserved1[13];
    uint8_t device_type;
    uint8_t pads;
    uint8_t clock;
    uint8_t custom_sequences;
    uint32_t reserved2[2];
    uint32_t size_bytes[4];
    uint32_t reserved3[8];
    uint32_t sequences[64];
    uint32_t reserved4[16];
    uint32_t page_bytes;
    uint32_t sector_bytes;
    uint32_t reserved5[14];
} flash_config_t;

typedef struct {
    uint32_t header;
    const void *entry;
    uint32_t reserved1;
    const void *device_config;
    const void *boot_data;
    const void *self;
    const void *signature;
    uint32_t reserved2;
} image_vector_table_t;

typedef struct {
    uint32_t start;
    uint32_t size_bytes;
    uint32_t plugin;
} boot_data_t;

typedef struct {
    flash_config_t flash;
    uint8_t empty[0x1000 - sizeof(flash_config_t)];
    image_vector_table_t table;
    boot_data_t data;
} boot_header_t;

_Static_assert(offsetof(flash_config_t, device_type) == 0x44, "layout of the configuration block");
_Static_assert(offsetof(flash_config_t, sequences) == 0x80, "layout of the configuration block");
_Static_assert(offsetof(flash_config_t, page_bytes) == 0x1c0, "layout of the configuration block");
_Static_assert(sizeof(flash_config_t) == 0x200, "layout of the configuration block");

extern const uint32_t __vectors__[];

__attribute__((section(".imse_boot"), used)) static const boot_header_t boot_header = {
    .flash =
        {
            .tag = 0x42464346u, /* FCFB */
            .version = 0x56010400u,
            .sample_clock = 1, /* looped back from the DQS pad */
            .cs_hold_time = 3,
            .cs_setup_time = 3,
            .device_type = 1, /* serial NOR */
            .pads = 4,
            .clock = 6, /* 100 MHz */
            .size_bytes = {IMSE_BOOT_BYTES + IMSE_FLASH_BYTES},
            .sequences =
                {
                    STEPS(STEP(COMMAND, ONE_LINE, 0xeb), STEP(ROW_ADDRESS, FOUR_LINES, 24)),
                    STEPS(STEP(DUMMY, FOUR_LINES, 6), STEP(READ, FOUR_LINES, 4)),
                },
            .page_bytes = 256,
            .sector_bytes = 4096,
        },
    .table =
        {
            .header = 0x412000d1u,
            .entry = __vectors__,
            .boot_data = &boot_header.data,
            .self = &boot_header.table,
        },
    .data = {.start = IMSE_BOOT_ORIGIN, .size_bytes = IMSE_BOOT_BYTES + IMSE_FLASH_BYTES},
};
