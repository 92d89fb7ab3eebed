"""The TensorFlow Lite Micro runtime as a backend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from firmware_gen.backends.base import BackendMemory, BackendOutput
from firmware_gen.backends.config_header import CONFIG_PATH, config_header, segment_frames
from firmware_gen.backends.kernel_files import csrc, network_header
from firmware_gen.backends.tflm.arena import (
    MEASURED_MARGIN_BYTES,
    arena_bytes,
    measured_arena_bytes,
)
from firmware_gen.backends.tflm.ops import UsedOp, used_ops
from firmware_gen.options import FirmwareOptions
from quantize.artifact import QuantizedModel
from targets.model import Target

_ALIGNMENT = 16
_BYTES_PER_LINE = 16
_FLOOR_CODE_BYTES = 13_400
_CODE_BYTES_PER_OP = 2_500
_STACK_BYTES = 4096
_FILES = ("imse_cmsis_nn.c", "imse_network_tflm.cc", "imse_tflm.cmake", "imse_tflm_scales.cc")
_PROGRESS_FILES = ("imse_tflm_progress.h",)
_EXACT_FILES = ("imse_tflm_exact.cc", "imse_tflm_exact.h")
_ESTIMATED = "upper estimate from lifetimes, records and kernel scratch"
_MEASURED = (
    "what the interpreter took on the emulator, a margin of "
    f"{MEASURED_MARGIN_BYTES} bytes, rounded up to {_ALIGNMENT}"
)


@dataclass(frozen=True)
class TflmBackend:
    """Model as a C array for the interpreter, which the build finds in ``TFLM_DIR``."""

    @property
    def name(self) -> str:
        """``tflm``."""
        return "tflm"

    def generate(
        self, model: QuantizedModel, target: Target, options: FirmwareOptions
    ) -> BackendOutput:
        """Make the sources, see :class:`firmware_gen.backends.base.Backend`."""
        del target
        ops = used_ops(model.graph)
        used = options.tflm_arena_used_bytes
        arena = arena_bytes(model.graph) if used is None else measured_arena_bytes(used)
        states, state_bytes = _states(model)
        reports, corrected = segment_frames(model) > 0, any(op.is_corrected for op in ops)
        helpers = (*_FILES, *_PROGRESS_FILES * reports, *_EXACT_FILES * corrected)
        files = {
            CONFIG_PATH: config_header(model),
            "network/imse_network.h": network_header(),
            "model/model_data.h": _data_header(),
            "model/model_data.cc": _data_source(model.tflite),
            "model/imse_tflm_model.h": _model_header(model, arena, state_bytes),
            "model/imse_tflm_model.cc": _model_source(states),
            "runtime/tflm/imse_op_resolver.h": _resolver_header(ops),
            "runtime/tflm/imse_op_resolver.cc": _resolver_source(ops, reports),
            "runtime/tflm/imse_tflm_operators.cmake": _operator_list(ops, reports),
            **{
                f"runtime/tflm/{name}": csrc("network", "tflm", name).read_bytes()
                for name in helpers
            },
        }
        return BackendOutput(
            files=dict(sorted(files.items())),
            memory=BackendMemory(
                weights_bytes=len(model.tflite),
                arena_bytes=arena,
                state_bytes=state_bytes,
                code_bytes=_FLOOR_CODE_BYTES + _CODE_BYTES_PER_OP * len(ops),
                stack_bytes=_STACK_BYTES,
            ),
            report={
                "operators": [op.kind for op in ops],
                "registrations": [op.call() for op in ops],
                "arena_bytes": arena,
                "arena_used_bytes": used,
                "arena_method": _ESTIMATED if used is None else _MEASURED,
            },
        )


@dataclass(frozen=True)
class _State:
    input: int
    output: int
    offset: int
    size: int
    row: int
    zero_point: int
    initial: tuple[int, ...] | None


def _states(model: QuantizedModel) -> tuple[list[_State], int]:
    graph = model.graph
    states, offset = [], 0
    for state in model.metadata.states:
        tensor = graph.tensors[state.input]
        row = tensor.nbytes if state.initial is None else len(state.initial) * tensor.itemsize
        initial = state.initial
        if initial is not None and tensor.dtype == "int16":
            initial = tuple(np.array(initial, "<i2").view(np.int8).tolist())
        states.append(
            _State(
                graph.inputs.index(state.input),
                graph.outputs.index(state.output),
                offset,
                tensor.nbytes,
                row,
                tensor.zero_point,
                initial,
            )
        )
        offset += -(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT
    return states, offset


def _text(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _guarded(name: str, lines: Iterable[str]) -> bytes:
    return _text([f"#ifndef {name}", f"#define {name}", "", *lines, "", "#endif"])


def _data_header() -> bytes:
    return _guarded(
        "MODEL_DATA_H",
        [
            "// The .tflite model. Generated, do not edit.",
            "extern const unsigned char imse_model_data[];",
            "extern const unsigned int imse_model_data_bytes;",
        ],
    )


def _data_source(tflite: bytes) -> bytes:
    rows = [
        "  " + " ".join(f"0x{byte:02x}," for byte in tflite[i : i + _BYTES_PER_LINE])
        for i in range(0, len(tflite), _BYTES_PER_LINE)
    ]
    return _text(
        [
            "// The .tflite model. Generated, do not edit.",
            '#include "model_data.h"',
            "",
            "alignas(16) const unsigned char imse_model_data[]",
            '    __attribute__((section(".rodata.imse_weights"))) = {',
            *rows,
            "};",
            f"const unsigned int imse_model_data_bytes = {len(tflite)};",
        ]
    )


def _model_header(model: QuantizedModel, arena: int, state_bytes: int) -> bytes:
    graph, metadata = model.graph, model.metadata
    count = len(metadata.states)
    return _guarded(
        "IMSE_TFLM_MODEL_H",
        [
            "// What the runner must know about the model. Generated, do not edit.",
            "#include <stddef.h>",
            "#include <stdint.h>",
            "",
            f"#define IMSE_TFLM_ARENA_BYTES {arena}",
            f"#define IMSE_TFLM_STATE_BYTES {max(state_bytes, 1)}",
            f"#define IMSE_TFLM_OPERATORS {len(graph.ops)}",
            f"#define IMSE_TFLM_FEATURES_INPUT {graph.inputs.index(metadata.inputs['features'])}",
            f"#define IMSE_TFLM_MASK_OUTPUT {graph.outputs.index(metadata.outputs['mask'])}",
            f"#define IMSE_TFLM_PHASE_OUTPUT {graph.outputs.index(metadata.outputs['phase'])}",
            "",
            "struct ImseTflmState {",
            "  int input;              // index among the interpreter's inputs",
            "  int output;             // index among its outputs",
            "  size_t offset;          // in imse_state",
            "  size_t bytes;",
            "  size_t row_bytes;       // size of `initial`",
            "  int zero_point;         // value after a reset where `initial` is null",
            "  const int8_t *initial;  // one row after a reset, or null",
            "};",
            "",
            f"constexpr size_t kImseTflmStates = {count};",
            "struct ImseTflmStates {",
            "  const ImseTflmState *begin() const;",
            "  const ImseTflmState *end() const { return begin() + kImseTflmStates; }",
            "};",
            "constexpr ImseTflmStates imse_tflm_states{};",
        ],
    )


def _model_source(states: list[_State]) -> bytes:
    lines = [
        "// States of the model. Generated, do not edit.",
        '#include "imse_tflm_model.h"',
        "",
        "namespace {",
        "",
    ]
    for number, state in enumerate(states):
        if state.initial is not None:
            values = ", ".join(str(value) for value in state.initial)
            lines.append(f"const int8_t initial_{number:02d}[] = {{{values}}};")
    lines += ["", f"const ImseTflmState states[{max(len(states), 1)}] = {{"]
    for number, state in enumerate(states):
        initial = "nullptr" if state.initial is None else f"initial_{number:02d}"
        lines.append(
            f"    {{{state.input}, {state.output}, {state.offset}, {state.size}, {state.row}, "
            f"{state.zero_point}, {initial}}},"
        )
    if not states:
        lines.append("    {0, 0, 0, 0, 0, 0, nullptr},")
    lines += [
        "};",
        "",
        "}  // namespace",
        "",
        "const ImseTflmState *ImseTflmStates::begin() const { return states; }",
    ]
    return _text(lines)


def _operator_list(ops: tuple[UsedOp, ...], reports: bool) -> bytes:
    """What the build looks for in the interpreter's headers, for a clear line if it is missing."""
    rows = [
        f"  {op.registration.method}:{op.header or '-'}:{op.function or '-'}:"
        f"{'registration' if reports or op.is_corrected else '-'}"
        for op in ops
    ]
    return _text(
        [
            "# Operators of the model: resolver method, header and function of its int8",
            "# registration, and whether the method is given a changed registration.",
            "set(IMSE_TFLM_OPERATORS",
            *rows,
            ")",
        ]
    )


def _resolver_header(ops: tuple[UsedOp, ...]) -> bytes:
    return _guarded(
        "IMSE_OP_RESOLVER_H",
        [
            "// Exactly the operators that the model uses. Generated, do not edit.",
            '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"',
            "",
            f"using ImseOpResolver = tflite::MicroMutableOpResolver<{len(ops)}>;",
            "",
            "TfLiteStatus imse_register_ops(ImseOpResolver &resolver);",
        ],
    )


def _resolver_source(ops: tuple[UsedOp, ...], reports: bool) -> bytes:
    headers = sorted({op.header for op in ops if op.header})
    calls = [
        line
        for number, op in enumerate(ops)
        for line in (
            f"  if (resolver.{op.call(number if reports else None)} != kTfLiteOk) {{",
            "    return kTfLiteError;",
            "  }",
        )
    ]
    return _text(
        [
            "// Exactly the operators that the model uses. Generated, do not edit.",
            '#include "imse_op_resolver.h"',
            *(['#include "imse_tflm_progress.h"'] * reports),
            *(['#include "imse_tflm_exact.h"'] * any(op.is_corrected for op in ops)),
            "",
            *(f'#include "tensorflow/lite/micro/kernels/{header}"' for header in headers),
            "",
            "TfLiteStatus imse_register_ops(ImseOpResolver &resolver) {",
            *calls,
            "  return kTfLiteOk;",
            "}",
        ]
    )
