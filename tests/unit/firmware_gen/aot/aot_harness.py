"""Small quantized graphs, run by the TFLM host interpreter and as host-compiled C."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from firmware_gen.backends.aot.backend import compile_network
from keras_imse.config import FrontendConfig
from quantize.artifact import METADATA_NAME, ModelMetadata, QuantizedModel, StateTensor
from quantize.flatmodel import FlatModel, OpNode, TensorNode
from quantize.tflm_host import TflmRunner

_OPTIONS = {
    "ADD": "Add",
    "AVERAGE_POOL_2D": "Pool2D",
    "BATCH_MATMUL": "BatchMatMul",
    "CONCATENATION": "Concatenation",
    "CONV_2D": "Conv2D",
    "DEPTH_TO_SPACE": "DepthToSpace",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2D",
    "DIV": "Div",
    "FULLY_CONNECTED": "FullyConnected",
    "MAXIMUM": "MaximumMinimum",
    "MEAN": "Reducer",
    "MINIMUM": "MaximumMinimum",
    "MUL": "Mul",
    "RESHAPE": "Reshape",
    "SPLIT": "Split",
    "SPLIT_V": "SplitV",
    "SQUARED_DIFFERENCE": "SquaredDifference",
    "STRIDED_SLICE": "StridedSlice",
    "SUB": "Sub",
}


@dataclass
class GraphBuilder:
    """Builds one model operator by operator; `features` is flat int8 of scale 1/64."""

    seed: int
    ops: list[OpNode] = field(default_factory=list)
    states: list[tuple[TensorNode, TensorNode, tuple[int, ...] | None]] = field(
        default_factory=list
    )
    features: TensorNode | None = None

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.count = 0

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind.lower()}_{self.count}"

    def input(self, shape: Sequence[int], scale: float = 0.04, point: int = 3) -> TensorNode:
        self.features = TensorNode(
            "features", tuple(shape), "int8", scales=(np.float32(scale),), zero_points=(point,)
        )
        return self.features

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        scale: float | None = None,
        point: int | None = None,
    ) -> TensorNode:
        if scale is None:
            scale = float(2.0 ** self.rng.uniform(-7, -3))
            if dtype == "int16":
                scale /= 200
        if point is None:
            point = 0 if dtype == "int16" else int(self.rng.integers(-128, 128))
        return TensorNode(
            self.name("t"),
            tuple(shape),
            dtype,
            scales=(float(np.float32(scale)),),
            zero_points=(point,),
        )

    def like(self, tensor: TensorNode, shape: Sequence[int]) -> TensorNode:
        return TensorNode(
            self.name("t"),
            tuple(shape),
            tensor.dtype,
            scales=tensor.scales,
            zero_points=tensor.zero_points,
        )

    def constant(
        self, data: np.ndarray, scales: Sequence[float] = (), point: int = 0, axis: int = 0
    ) -> TensorNode:
        return TensorNode(
            self.name("c"),
            data.shape,
            data.dtype.name,
            data,
            tuple(float(np.float32(s)) for s in scales),
            (point,) * len(scales),
            axis,
        )

    def ints(self, values: Sequence[int]) -> TensorNode:
        return self.constant(np.array(values, np.int32))

    def op(
        self,
        kind: str,
        inputs: Sequence[TensorNode | None],
        output: TensorNode | list[TensorNode],
        **options: Any,
    ) -> TensorNode:
        outputs = output if isinstance(output, list) else [output]
        builtin, number = None, 0
        if kind in _OPTIONS:
            name = f"{_OPTIONS[kind]}Options"
            builtin = getattr(schema, f"{name}T")()
            number = getattr(schema.BuiltinOptions, name)
            for key, value in options.items():
                assert hasattr(builtin, key)
                setattr(builtin, key, value)
        self.ops.append(OpNode(kind, list(inputs), outputs, builtin, number))
        return outputs[0]

    # Frequent pieces

    def requant(
        self,
        x: TensorNode,
        dtype: str = "int8",
        scale: float | None = None,
        point: int | None = None,
    ) -> TensorNode:
        return self.op("QUANTIZE", [x], self.tensor(x.shape, dtype, scale, point))

    def reshape(self, x: TensorNode, shape: Sequence[int]) -> TensorNode:
        return self.op("RESHAPE", [x, self.ints(shape)], self.like(x, shape))

    def conv(
        self,
        x: TensorNode,
        channels: int,
        kernel: tuple[int, int] = (1, 1),
        *,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        same: bool = False,
        depthwise: bool = False,
        multiplier: int = 1,
        groups: int = 1,
        activation: int = 0,
        scale: float | None = None,
        bias: bool = True,
        equal_taps: bool = False,
    ) -> TensorNode:
        _, h, w, c = x.shape
        span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        if same:
            size = [-(-n // s) for n, s in zip((h, w), stride, strict=True)]
        else:
            size = [(n - k) // s + 1 for n, k, s in zip((h, w), span, stride, strict=True)]
        depth = kernel[0] * kernel[1]
        if depthwise:
            channels = c * multiplier
            shape: tuple[int, ...] = (1, *kernel, channels)
        else:
            depth *= c // groups
            shape = (channels, *kernel, c // groups)
        values = self.rng.integers(-127, 128, shape).astype(np.int8)
        if equal_taps:
            values = np.broadcast_to(values[:, :1, :1], shape).astype(np.int8)
        scales = 2.0 ** self.rng.uniform(-9, -6, channels)
        weights = self.constant(values, scales, 0, 3 if depthwise else 0)
        y = self.tensor((1, *size, channels), x.dtype, scale or x.scales[0] * depth**0.5 * 0.6)
        biases = None
        if bias:
            wide = x.dtype == "int16"
            data = self.rng.integers(-3000, 3000, channels) * (200 if wide else 1)
            data = data.astype(np.int64 if wide else np.int32)
            biases = self.constant(data, [x.scales[0] * float(s) for s in scales])
        options = {
            "padding": 0 if same else 1,
            "strideH": stride[0],
            "strideW": stride[1],
            "dilationHFactor": dilation[0],
            "dilationWFactor": dilation[1],
            "fusedActivationFunction": activation,
        }
        if depthwise:
            options["depthMultiplier"] = multiplier
        kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        return self.op(kind, [x, weights, biases], y, **options)

    def binary(
        self,
        kind: str,
        a: TensorNode,
        b: TensorNode,
        scale: float | None = None,
        point: int | None = None,
        activation: int = 0,
    ) -> TensorNode:
        shape = np.broadcast_shapes(a.shape, b.shape)
        y = self.tensor(shape, a.dtype, scale, point)
        options = {} if kind == "SQUARED_DIFFERENCE" else {"fusedActivationFunction": activation}
        return self.op(kind, [a, b], y, **options)

    def concat(self, parts: Sequence[TensorNode], axis: int) -> TensorNode:
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        return self.op("CONCATENATION", list(parts), self.like(parts[0], shape), axis=axis)

    def split(self, x: TensorNode, sizes: Sequence[int], axis: int) -> list[TensorNode]:
        parts = []
        for size in sizes:
            shape = list(x.shape)
            shape[axis] = size
            parts.append(self.like(x, shape))
        self.op("SPLIT_V", [x, self.ints(sizes), self.ints([axis])], parts, numSplits=len(sizes))
        return parts

    def strided_slice(
        self,
        x: TensorNode,
        begin: Sequence[int],
        end: Sequence[int],
        steps: Sequence[int] | None = None,
    ) -> TensorNode:
        steps = steps or [1] * len(begin)
        shape = [len(range(b, e, s)) for b, e, s in zip(begin, end, steps, strict=True)]
        return self.op(
            "STRIDED_SLICE",
            [x, self.ints(begin), self.ints(end), self.ints(steps)],
            self.like(x, shape),
        )

    def pad(self, x: TensorNode, paddings: Sequence[tuple[int, int]]) -> TensorNode:
        shape = [n + a + b for n, (a, b) in zip(x.shape, paddings, strict=True)]
        return self.op("PAD", [x, self.constant(np.array(paddings, np.int32))], self.like(x, shape))

    def transpose(self, x: TensorNode, perm: Sequence[int]) -> TensorNode:
        return self.op("TRANSPOSE", [x, self.ints(perm)], self.like(x, [x.shape[i] for i in perm]))

    def unary(
        self, kind: str, x: TensorNode, scale: float | None = None, point: int | None = None
    ) -> TensorNode:
        return self.op(kind, [x], self.tensor(x.shape, x.dtype, scale, point))

    def extend(self, x: TensorNode, past: int, initial: bool = False) -> TensorNode:
        """The streaming pattern: a state in front of `x`, and the next state."""
        state = self.like(x, (1, past, *x.shape[2:]))
        whole = self.concat([state, x], 1)
        begin, end = [0, x.shape[1], 0, 0], list(whole.shape)
        after = self.strided_slice(whole, begin, end)
        values = None
        if initial:
            values = tuple(self.rng.integers(-128, 128, int(np.prod(x.shape[2:]))).tolist())
        self.states.append((state, after, values))
        return whole

    def model(self, mask: TensorNode, phase: TensorNode) -> QuantizedModel:
        assert self.features is not None
        inputs = {"features": self.features}
        outputs = {"mask": mask, "phase": phase}
        for i, (before, after, _) in enumerate(self.states):
            inputs[f"state_{i:02d}"] = before
            outputs[f"next_state_{i:02d}"] = after
        flat = FlatModel(self.ops, inputs, outputs)
        indices = flat.indices()
        metadata = ModelMetadata(
            "test",
            "imse-stream",
            "int8",
            0,
            FrontendConfig(),
            {"features": indices[id(self.features)]},
            {"mask": indices[id(mask)], "phase": indices[id(phase)]},
            tuple(
                StateTensor(f"state_{i:02d}", indices[id(before)], indices[id(after)], initial)
                for i, (before, after, initial) in enumerate(self.states)
            ),
        )
        flat.metadata[METADATA_NAME] = metadata.to_bytes()
        return QuantizedModel.from_bytes(flat.to_bytes())


class CompiledCase:
    """One network in a host library.

    The arena keeps nothing from frame to frame: every invocation finds other random bytes in it.
    """

    def __init__(
        self, library: ctypes.CDLL, prefix: str, model: QuantizedModel, arena_bytes: int
    ) -> None:
        self._reset = getattr(library, f"{prefix}_reset")
        self._invoke = getattr(library, f"{prefix}_invoke")
        arena = (ctypes.c_int8 * arena_bytes).in_dll(library, f"{prefix}_arena")
        self._arena = np.frombuffer(arena, np.int8)
        self._rng = np.random.default_rng(arena_bytes)
        tensors = model.graph.tensors
        self._mask = tensors[model.metadata.outputs["mask"]]
        self._phase = tensors[model.metadata.outputs["phase"]]

    def reset(self) -> None:
        self._reset()

    def invoke(self, features: np.ndarray) -> dict[str, np.ndarray]:
        mask = np.full(self._mask.shape, 77, self._mask.dtype)
        phase = np.full(self._phase.shape, 77, self._phase.dtype)
        self._arena[:] = self._rng.integers(-128, 128, self._arena.size)
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (features, mask, phase)]
        assert self._invoke(*pointers) == 0
        return {"mask": mask, "phase": phase}


def compile_cases(
    models: Sequence[QuantizedModel], folder: Path, kernels: str = "portable"
) -> list[CompiledCase]:
    """Compile networks into one host library."""
    sources: dict[str, Path] = {}
    objects = []
    arenas = []
    flags = [
        "-std=c99",
        "-O1",
        "-fPIC",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-ffp-contract=off",
        "-fsanitize=undefined",
        "-fno-sanitize-recover",
    ]
    include = Path(__file__).parents[4] / "firmware_gen" / "csrc"
    paths = [f"-I{include / 'kernels'}", f"-I{include / 'network'}"]
    for number, model in enumerate(models):
        network = compile_network(model.graph, model.metadata, kernels)
        case = folder / f"case{number}"
        for path, content in network.files.items():
            target = folder / path if path.startswith("kernels/") else case / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            if path.startswith("kernels/") and path.endswith(".c"):
                sources[path] = target
        renamed = [
            f"-Dimse_{name}=case{number}_{name}" for name in ("network_runtime", "arena", "state")
        ]
        renamed += [f"-Dimse_network_{n}=case{number}_{n}" for n in ("invoke", "reset")]
        output = case / "network.o"
        subprocess.run(
            [
                "gcc",
                *flags,
                *paths,
                f"-I{case / 'model'}",
                *renamed,
                "-c",
                str(case / "model" / "network_aot.c"),
                "-o",
                str(output),
            ],
            check=True,
        )
        objects.append(str(output))
        arenas.append(network.plan.arena_bytes)
    library = folder / "cases.so"
    subprocess.run(
        [
            "gcc",
            *flags,
            "-shared",
            *paths,
            *map(str, sources.values()),
            *objects,
            "-o",
            str(library),
        ],
        check=True,
    )
    loaded = ctypes.CDLL(str(library))
    return [
        CompiledCase(loaded, f"case{i}", model, arena_bytes)
        for i, (model, arena_bytes) in enumerate(zip(models, arenas, strict=True))
    ]


def assert_equal(
    models: Sequence[QuantizedModel],
    folder: Path,
    frames: int = 3,
    kernels: str = "portable",
    seed: int = 0,
) -> None:
    """Compare compiled networks with the interpreter, byte by byte."""
    for model, case in zip(models, compile_cases(models, folder, kernels), strict=True):
        rng = np.random.default_rng(seed)
        runner = TflmRunner(model)
        case.reset()
        shape = model.graph.tensors[model.metadata.inputs["features"]].shape
        for frame in range(frames):
            features = rng.integers(-128, 128, shape).astype(np.int8)
            if frame == 1:
                features = np.where(features > 0, 127, -128).astype(np.int8)
            expected = runner.invoke(features)
            actual = case.invoke(features)
            for name in ("phase", "mask"):
                np.testing.assert_array_equal(
                    actual[name],
                    expected[name],
                    err_msg=f"{name}, frame {frame}, {[op.kind for op in model.graph.ops]}",
                )
