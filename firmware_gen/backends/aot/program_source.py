"""The complete generated file: constants, layers, reset and the frame function."""

from __future__ import annotations

import numpy as np

from firmware_gen.backends.aot.emit import Emitter, head_name
from firmware_gen.backends.aot.layout import Layout
from firmware_gen.backends.aot.memory import MemoryPlan
from firmware_gen.backends.aot.nodes import State, Value
from firmware_gen.backends.aot.rings import Ring
from firmware_gen.backends.aot.source import Source
from firmware_gen.backends.kernel_files import kernel_header
from quantize.artifact import ModelMetadata

_ROW_FUNCTION = """/* Row of a ring buffer that was written `past` frames before the newest one. */
static inline int32_t imse_row(int32_t newest, int32_t past, int32_t rows) {
  const int32_t row = newest - past;
  return row < 0 ? row + rows : row;
}

/* First inputs of all rows, the oldest first, with `columns` taps per row. */
static void __attribute__((noinline, unused))
imse_ring_taps(const int8_t **tap, const int8_t *base, int32_t newest, int32_t rows, int32_t pitch,
               int32_t columns, int32_t step) {
  for (int32_t past = rows - 1; past >= 0; --past) {
    const int8_t *const row = base + imse_row(newest, past, rows) * pitch;
    for (int32_t column = 0; column < columns; ++column) {
      *tap++ = row + column * step;
    }
  }
}
"""

_SIZE = """/* The layers only call kernels: size matters here, not speed. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("Os")
#endif
"""

_MACROS = """#define IMSE_WEIGHTS __attribute__((section(".rodata.imse_weights"), aligned(4)))
#define IMSE_LAYER static void __attribute__((noinline))
#define IMSE_S8(p) ((int8_t *)(void *)(p))
#define IMSE_CONST_S8(p) ((const int8_t *)(const void *)(p))
#define IMSE_S16(p) ((int16_t *)(void *)(p))
#define IMSE_S32(p) ((int32_t *)(void *)(p))
"""


def network_source(
    metadata: ModelMetadata, layout: Layout, plan: MemoryPlan, emitter: Emitter, source: Source
) -> str:
    """Write ``network_aot.c``.

    Args:
        metadata: Name and cost, for the title.
        layout: Placements.
        plan: Memory sizes.
        emitter: The emitter that wrote the layers.
        source: Constants, layers and kernels.

    Returns:
        The file's text.
    """
    reset = _reset(layout, plan, source)
    heads = sorted({(ring.rows, head_name(ring)) for ring in layout.rings})
    prologue, epilogue = emitter.window_prologue(), emitter.epilogue()
    headers = [f'#include "{name}"' for name in _headers(source)]
    advance = [f"{name} = {name} + 1 < {rows} ? {name} + 1 : 0;" for rows, name in heads]
    text = [
        f"/* The network '{metadata.model}' compiled ahead of time. Generated, do not edit.",
        f" * {len(source.layers)} layers, {metadata.macs_per_frame} multiply-accumulates "
        "per frame.",
        f" * Arena {plan.arena_bytes} bytes, state {plan.state_bytes} bytes. */",
        '#include "network_aot.h"',
        "",
        "#include <stdint.h>",
        "#include <string.h>",
        "",
        *headers,
        '#include "imse_network.h"',
        "",
        _SIZE,
        _MACROS,
        'const char imse_network_runtime[] = "aot";',
        "",
        "/* Activations of one frame. */",
        'int8_t imse_arena[IMSE_ARENA_BYTES] __attribute__((section(".bss.imse_arena"), '
        "aligned(16)));",
        "",
        "/* What is carried from frame to frame. */",
        'int8_t imse_state[IMSE_STATE_BYTES] __attribute__((section(".bss.imse_state"), '
        "aligned(16)));",
        "",
        "static const int8_t *imse_features;",
        "static int8_t *imse_mask;",
        "static int8_t *imse_phase;",
        "",
        *(
            ["/* Row of the newest frame in the ring buffers, by their number of rows. */"]
            * bool(heads)
        ),
        *(f"static int32_t {name};" for _, name in heads),
        "",
        *([_ROW_FUNCTION] if heads else []),
        *(f"{constant}\n" for constant in source.constants),
        *(f"{layer}\n" for layer in source.layers),
        "void imse_network_reset(void) {",
        *(f"  {line}" for line in reset),
        *(f"  {name} = 0;" for _, name in heads),
        "}",
        "",
        "int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {",
        "  imse_features = features;",
        "  imse_mask = mask;",
        "  imse_phase = phase;",
        *(f"  {line}" for line in prologue),
        *(f"  {call}" for call in source.calls),
        *(f"  {line}" for line in epilogue),
        *(f"  {line}" for line in advance),
        "  return 0;",
        "}",
        "",
    ]
    return "\n".join(text)


def network_header_text(plan: MemoryPlan) -> str:
    """Write ``network_aot.h``: the sizes of the static memories."""
    return "\n".join(
        [
            "/* Static memory of the network. Generated, do not edit. */",
            "#ifndef NETWORK_AOT_H",
            "#define NETWORK_AOT_H",
            "",
            "#include <stdint.h>",
            "",
            f"#define IMSE_ARENA_BYTES {max(plan.arena_bytes, 1)}",
            f"#define IMSE_STATE_BYTES {max(plan.state_bytes, 1)}",
            "",
            "extern int8_t imse_arena[IMSE_ARENA_BYTES];",
            "extern int8_t imse_state[IMSE_STATE_BYTES];",
            "",
            "#endif",
            "",
        ]
    )


def _headers(source: Source) -> list[str]:
    return sorted({kernel_header(kernel) for kernel in source.kernels})


def _reset(layout: Layout, plan: MemoryPlan, source: Source) -> list[str]:
    """Statements that put every state to its initial value."""
    rings = {ring.state.name: ring for ring in layout.rings}
    lines: list[str] = []
    for position, state in enumerate(layout.program.states):
        ring = rings.get(state.name)
        if ring is not None:
            lines += _reset_ring(layout, plan, source, ring, position)
        else:
            lines += _reset_plain(layout, source, state, position)
    return lines


def _initial(source: Source, value: Value, state: State, position: int) -> str | None:
    if state.initial is None:
        return None
    kind = np.int16 if value.dtype == "int16" else np.int8
    return source.constant(f"initial_{position:02d}", np.array(state.initial, kind))


def _reset_ring(
    layout: Layout, plan: MemoryPlan, source: Source, ring: Ring, position: int
) -> list[str]:
    program = layout.program
    whole = layout.placements[ring.extended]
    value = program.values[ring.extended]
    buffer = whole.buffer
    point = value.zero_point
    lines = [f"memset(imse_state + {buffer.offset}, {point}, {buffer.size_bytes});"]
    initial = _initial(source, value, ring.state, position)
    row_bytes = value.elements // ring.rows
    if initial is not None:
        start = buffer.offset + whole.offset
        lines += [
            f"for (int32_t r = 0; r < {ring.rows}; ++r) {{",
            f"  memcpy(imse_state + {start} + r * {whole.strides[1]}, {initial}, {row_bytes});",
            "}",
        ]
    if ring.window is not None:
        term = f"{initial}[c]" if initial is not None else f"({point})"
        lines += [
            f"for (int32_t c = 0; c < {row_bytes}; ++c) {{",
            f"  IMSE_S32(imse_state + {plan.sums[ring.state.name]})[c] = {ring.rows} * {term};",
            "}",
        ]
    return lines


def _reset_plain(layout: Layout, source: Source, state: State, position: int) -> list[str]:
    value = layout.program.values[state.before]
    placement = layout.placements.get(state.before)
    if placement is None:
        return []
    start = placement.buffer.offset
    size = value.elements * value.itemsize
    initial = _initial(source, value, state, position)
    if initial is None:
        return [f"memset(imse_state + {start}, {value.zero_point}, {size});"]
    assert state.initial is not None  # noqa: S101 - it was just written
    row = len(state.initial) * value.itemsize
    return [
        f"for (int32_t r = 0; r < {size // row}; ++r) {{",
        f"  memcpy(imse_state + {start} + r * {row}, {initial}, {row});",
        "}",
    ]
