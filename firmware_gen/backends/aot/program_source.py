"""The complete generated file: constants, layers, reset and the frame function."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from firmware_gen.backends.aot.emit.addresses import head_name
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.layout import Layout
from firmware_gen.backends.aot.memory import MemoryPlan
from firmware_gen.backends.aot.nodes import State
from firmware_gen.backends.aot.rings import Ring
from firmware_gen.backends.aot.source import Source
from firmware_gen.backends.kernel_files import kernel_header
from quantize.artifact import ModelMetadata

_ROW_FUNCTION = """/* Row of a ring buffer that was written `past` frames before the newest one. */
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
"""

_LOOPS = """/* Layers with loops of their own. */
#if defined(__GNUC__) && !defined(__clang__)
#define IMSE_LOOP_LAYER IMSE_LAYER __attribute__((optimize("O2")))
#else
#define IMSE_LOOP_LAYER IMSE_LAYER
#endif
"""

_SIZE = """/* The layers only call kernels: size matters here, not speed. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("Os")
#endif
"""

_MACROS = """#define IMSE_RECORDS __attribute__((section(".rodata.imse_weights")))
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
    # A network over whole segments works for seconds: it says how far it is.
    reports = metadata.family == "imse"
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
        *(['#include "imse_network_progress.h"'] * reports),
        "",
        _SIZE,
        _MACROS,
        *([_LOOPS] if source.headers else []),
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
        *(_reported_calls(source) if reports else [f"  {call}" for call in source.calls]),
        *(f"  {line}" for line in epilogue),
        *(f"  {line}" for line in advance),
        f"  return {emitter.status()};",
        "}",
        "",
    ]
    return "\n".join(text)


def _reported_calls(source: Source) -> list[str]:
    """A loop over the layers that tells the application about every one of them."""
    names = [call.removesuffix("();") for call in source.calls]
    return [
        "  static void (*const layers[])(void) = {",
        *(f"      {name}," for name in names),
        "  };",
        f"  for (uint32_t i = 0; i < {len(names)}u; ++i) {{",
        "    layers[i]();",
        f"    imse_network_progress(i + 1u, {len(names)}u);",
        "  }",
    ]


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
    return sorted({kernel_header(kernel) for kernel in source.kernels} | source.headers)


@dataclass(frozen=True)
class _Reset:
    """How the state gets its initial value.

    Attributes:
        fills: Byte offset, bytes and value of what holds one value throughout.
        rows: What repeats a row: offset, distance, number of rows, bytes, identifier of the row.
        sums: Running sums: offset, offset of a row, elements of the row, number of rows.
    """

    fills: list[tuple[int, int, int]] = field(default_factory=list)
    rows: list[tuple[int, int, int, int, str]] = field(default_factory=list)
    sums: list[tuple[int, int, int, int]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The body of the reset function; tables take less flash than a call per state."""
        lines: list[str] = []
        if self.fills:
            lines += [
                "static const struct {",
                "  uint32_t offset, bytes;",
                "  int32_t value;",
                "} fills[] = {",
                *(f"  {{{offset}, {size}, {value}}}," for offset, size, value in self.fills),
                "};",
                "for (uint32_t i = 0; i < sizeof fills / sizeof fills[0]; ++i) {",
                "  memset(imse_state + fills[i].offset, (int)fills[i].value, fills[i].bytes);",
                "}",
            ]
        if self.rows:
            lines += [
                "static const struct {",
                "  uint32_t offset, pitch, rows, bytes;",
                "  const void *row;",
                "} repeats[] = {",
                *(f"  {{{', '.join(map(str, entry))}}}," for entry in self.rows),
                "};",
                "for (uint32_t i = 0; i < sizeof repeats / sizeof repeats[0]; ++i) {",
                "  int8_t *to = imse_state + repeats[i].offset;",
                "  for (uint32_t r = 0; r < repeats[i].rows; ++r, to += repeats[i].pitch) {",
                "    memcpy(to, repeats[i].row, repeats[i].bytes);",
                "  }",
                "}",
            ]
        if self.sums:
            lines += [
                "static const struct {",
                "  uint32_t sums, row, elements;",
                "  int32_t rows;",
                "} means[] = {",
                *(f"  {{{', '.join(map(str, entry))}}}," for entry in self.sums),
                "};",
                "for (uint32_t i = 0; i < sizeof means / sizeof means[0]; ++i) {",
                "  for (uint32_t c = 0; c < means[i].elements; ++c) {",
                "    IMSE_S32(imse_state + means[i].sums)[c] =",
                "        means[i].rows * imse_state[means[i].row + c];",
                "  }",
                "}",
            ]
        return lines


def _reset(layout: Layout, plan: MemoryPlan, source: Source) -> list[str]:
    """Statements that put every state to its initial value."""
    rings = {ring.state.name: ring for ring in layout.rings}
    reset = _Reset()
    for position, state in enumerate(layout.program.states):
        ring = rings.get(state.name)
        if ring is not None:
            _reset_ring(reset, layout, plan, _initial(source, layout, state, position), ring)
        elif state.before in layout.placements:
            _reset_plain(reset, layout, _initial(source, layout, state, position), state)
    return reset.lines()


def _initial(source: Source, layout: Layout, state: State, position: int) -> str | None:
    """Identifier of a state's initial row, None where it starts at the zero point."""
    if state.initial is None:
        return None
    wide = layout.program.values[state.before].dtype == "int16"
    row = np.array(state.initial, np.int16 if wide else np.int8)
    return source.constant(f"initial_{position:02d}", row)


def _reset_ring(
    reset: _Reset, layout: Layout, plan: MemoryPlan, initial: str | None, ring: Ring
) -> None:
    whole = layout.placements[ring.extended]
    value = layout.program.values[ring.extended]
    buffer, point = whole.buffer, value.zero_point
    row = value.elements // ring.rows
    start = buffer.offset + whole.offset
    if initial is None or ring.padded is not None:
        reset.fills.append((buffer.offset, buffer.size_bytes, point))
    if initial is not None:
        reset.rows.append((start, whole.strides[1], ring.rows, row, initial))
    if ring.window is not None:
        reset.sums.append((plan.sums[ring.state.name], start, row, ring.rows))


def _reset_plain(reset: _Reset, layout: Layout, initial: str | None, state: State) -> None:
    value = layout.program.values[state.before]
    start = layout.placements[state.before].buffer.offset
    size = value.elements * value.itemsize
    if initial is None or state.initial is None:
        reset.fills.append((start, size, value.zero_point))
        return
    row = len(state.initial) * value.itemsize
    reset.rows.append((start, row, size // row, row, initial))
