"""Look at every tensor of a large graph with bounded memory: run it piece by piece.

An interpreter that keeps all tensors needs their sum, which is gigabytes for a network over whole
segments (and TensorFlow Lite Micro keeps no more than 1024). Cut into stages of consecutive
operators, only a stage's tensors and what later stages read exist at a time. The values are those
of the whole graph: the same kernels run on the same operands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantize.errors import QuantizeError
from quantize.flatmodel import FlatModel, OpNode, TensorNode
from quantize.tflm_host import create_interpreter

Visit = Callable[[int, np.ndarray], None]
Progress = Callable[[int, int], None]

_STAGE_BYTES = 192 << 20
_STAGE_TENSORS = 300


@dataclass(frozen=True, eq=False)
class Stage:
    """Some consecutive operators of a graph as a model of their own.

    Attributes:
        model: The flatbuffer.
        reads: Tensor index in the whole graph by index in the stage, for the stage's inputs, in
            the interpreter's order.
        computes: The same for all tensors that the stage computes.
        read_later: Tensors of the whole graph that later stages read.
    """

    model: bytes
    reads: Mapping[int, int]
    computes: Mapping[int, int]
    read_later: frozenset[int]


def cut_stages(
    content: bytes, *, stage_bytes: int = _STAGE_BYTES, stage_tensors: int = _STAGE_TENSORS
) -> tuple[Stage, ...]:
    """Cut a graph into stages.

    Args:
        content: Flatbuffer with a signature.
        stage_bytes: Most bytes of computed tensors in a stage of more than one operator.
        stage_tensors: Most computed tensors in such a stage.

    Returns:
        The stages in execution order.
    """
    model = FlatModel.from_bytes(content)
    spans: list[list[OpNode]] = [[]]
    size = tensors = 0
    for op in model.ops:
        added = sum(_bytes(result) for result in op.outputs)
        full = size + added > stage_bytes or tensors + len(op.outputs) > stage_tensors
        if spans[-1] and full:
            spans.append([])
            size = tensors = 0
        spans[-1].append(op)
        size += added
        tensors += len(op.outputs)
    stages: list[Stage] = []
    read_later: frozenset[int] = frozenset()
    for span in reversed(spans):
        stage = _stage(span, read_later)
        read_later = read_later | frozenset(stage.reads.values())
        stages.insert(0, stage)
    return tuple(stages)


def _stage(ops: Sequence[OpNode], read_later: frozenset[int]) -> Stage:
    computed = {t.key: t for op in ops for t in op.outputs}
    read: dict[int, TensorNode] = {}
    for op in ops:
        for tensor in op.inputs:
            if tensor is not None and not tensor.is_constant and tensor.key not in computed:
                read.setdefault(tensor.key, tensor)
    piece = FlatModel(
        ops=list(ops),
        inputs={f"tensor_{key}": tensor for key, tensor in read.items()},
        outputs={f"tensor_{key}": tensor for key, tensor in computed.items()},
    )
    numbers = piece.indices()
    return Stage(
        model=piece.to_bytes(),
        reads={numbers[id(t)]: key for key, t in read.items()},
        computes={numbers[id(t)]: key for key, t in computed.items()},
        read_later=read_later,
    )


def _bytes(tensor: TensorNode) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64)) * np.dtype(tensor.dtype).itemsize


class FloatStages:
    """A float graph, stage by stage.

    Args:
        content: The flatbuffer.
    """

    def __init__(self, content: bytes) -> None:
        self.stages = cut_stages(content)
        self.features = FlatModel.from_bytes(content).inputs["features"]

    def run(
        self, features: Sequence[np.ndarray], visit: Visit, progress: Progress | None = None
    ) -> None:
        """Run the graph over segments.

        Args:
            features: Segments in the shape of the input tensor.
            visit: Called with (tensor index, values) of the input and every computed tensor; a
                stage is done for all segments before the next one.
            progress: Called with (steps done, steps in all).
        """
        live = [self._start(segment) for segment in features]
        for values in live:
            visit(self.features.key, values[self.features.key])
        total, done = len(self.stages) * len(live), 0
        for stage in self.stages:
            interpreter = _float_interpreter(stage.model)
            for values in live:
                for key, value in _float_stage(interpreter, stage, values):
                    visit(key, value)
                done += 1
                if progress is not None:
                    progress(done, total)

    def walk(self, features: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Run the graph over one segment.

        Args:
            features: The segment, in the shape of the input tensor.

        Yields:
            Tensor index and values of every computed tensor.
        """
        values = self._start(features)
        for stage in self.stages:
            yield from _float_stage(_float_interpreter(stage.model), stage, values)

    def _start(self, features: np.ndarray) -> dict[int, np.ndarray]:
        return {self.features.key: np.asarray(features, np.float32).reshape(self.features.shape)}


class TflmStages:
    """An integer graph in the TensorFlow Lite Micro interpreter, stage by stage.

    Args:
        content: The flatbuffer.
    """

    def __init__(self, content: bytes) -> None:
        self.stages = cut_stages(content)
        self._model = FlatModel.from_bytes(content)
        self._nodes = {t.key: t for t in self._model.tensors()}
        self.features = self._model.inputs["features"]

    def walk(self, features: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Run the graph over one segment.

        Args:
            features: Quantized features.

        Yields:
            Tensor index and integers of every computed tensor.

        Raises:
            QuantizeError: TensorFlow Lite Micro refuses a stage, or a kernel fails.
        """
        values = {self.features.key: np.asarray(features).reshape(self.features.shape)}
        for stage in self.stages:
            interpreter = create_interpreter(stage.model, preserve_all=True)
            for position, key in enumerate(stage.reads.values()):
                interpreter.set_input(np.ascontiguousarray(values[key]), position)
            try:
                interpreter.invoke()
            except RuntimeError as error:
                raise QuantizeError(
                    f"the TensorFlow Lite Micro interpreter failed on a segment: {error}",
                    hint="an operator met a value outside its domain; check the recipe's ranges",
                ) from error
            for number, key in stage.computes.items():
                node = self._nodes[key]
                raw = interpreter.GetTensor(number, 0)["tensor_data"]
                values[key] = np.array(raw, node.dtype).reshape(node.shape)
                yield key, values[key]
            _keep(values, stage)


def _float_stage(
    interpreter: Any, stage: Stage, values: dict[int, np.ndarray]
) -> Iterator[tuple[int, np.ndarray]]:
    """Run a stage on the tensors that are there, and replace them by those needed later."""
    for number, key in stage.reads.items():
        interpreter.set_tensor(number, values[key])
    interpreter.invoke()
    for number, key in stage.computes.items():
        values[key] = interpreter.get_tensor(number)
        yield key, values[key]
    _keep(values, stage)


def _keep(values: dict[int, np.ndarray], stage: Stage) -> None:
    """Drop what no later stage reads."""
    for key in values.keys() - stage.read_later:
        del values[key]


def _float_interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    return interpreter
