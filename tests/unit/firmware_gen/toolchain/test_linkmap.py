"""Flash by object file out of a linker map."""

from __future__ import annotations

from firmware_gen.linkmap import LINKER, ObjectSize, object_sizes

MAP = """
Discarded input sections

 .text.gone     0x00000000       0x40 CMakeFiles/imse-firmware.dir/app/main.c.obj

Linker script and memory map

LOAD CMakeFiles/imse-firmware.dir/app/main.c.obj

.imse_weights_with_a_long_name
                0x08000400       0x30
 *(.rodata.imse_weights .rodata.imse_weights.*)
 .rodata.imse_weights
                0x08000400       0x30 CMakeFiles/imse-firmware.dir/model/network_aot.c.obj

.text           0x08000430       0x4c
 *(.text .text.*)
 .text.short    0x08000430       0x10 CMakeFiles/imse-firmware.dir/app/main.c.obj
                0x08000430                short
 .text.a_function_with_a_long_name
                0x08000440       0x20 CMakeFiles/imse-firmware.dir/app/main.c.obj
                0x08000440                a_function_with_a_long_name
 .text          0x08000460       0x12 /usr/lib/gcc/arm/libc_nano.a(lib_a-memcpy.o)
 *fill*         0x08000472        0x2
                0x08000474                __copy_table_start__ = .
                0x08000474        0x8 LONG 0x20000000

.note.gnu.build-id
                0x0800047c       0x24
 *(.note.gnu.build-id)
 .note.gnu.build-id
                0x0800047c       0x24 CMakeFiles/imse-firmware.dir/app/imse_audio.c.obj

.bss            0x24000000      0x100
 .bss.buffer    0x24000000      0x100 CMakeFiles/imse-firmware.dir/app/main.c.obj
OUTPUT(imse-firmware.elf elf32-littlearm)
"""


def test_objects_and_what_the_linker_adds_are_the_sections() -> None:
    kinds = {"imse_weights": "code", ".imse_weights_with_a_long_name": "weights", ".text": "code"}
    kinds[".note.gnu.build-id"] = "code"
    assert object_sizes(MAP, kinds) == (
        ObjectSize("app/main.c", 0x30, 0),
        ObjectSize("model/network_aot.c", 0, 0x30),
        ObjectSize("app/imse_audio.c", 0x24, 0),
        ObjectSize("libc_nano.a(lib_a-memcpy.o)", 0x12, 0),
        ObjectSize(LINKER, 0xA, 0),
    )


def test_sections_outside_flash_do_not_count() -> None:
    assert object_sizes(MAP, {}) == ()
