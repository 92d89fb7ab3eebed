"""Operators of TensorFlow Lite Micro: how the op resolver registers each."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_gen.backends.errors import UnsupportedOpError
from quantize.inspect import Graph, Op

_TRANSPOSE_DIMENSIONS = 4
_CORRECTED = ("RSQRT", "SUB")


@dataclass(frozen=True)
class Registration:
    """How one operator is registered.

    Attributes:
        method: Method of ``MicroMutableOpResolver``.
        header: Header that declares the smaller int8 registration, or ``""`` if there is none.
        int8: Function of the int8 registration, or ``""``.
    """

    method: str
    header: str = ""
    int8: str = ""


REGISTRATIONS: dict[str, Registration] = {
    "ADD": Registration("AddAdd", "add.h", "Register_ADD_INT8"),
    "AVERAGE_POOL_2D": Registration(
        "AddAveragePool2D", "pooling.h", "Register_AVERAGE_POOL_2D_INT8"
    ),
    "BATCH_MATMUL": Registration("AddBatchMatMul", "batch_matmul.h", "Register_BATCH_MATMUL_INT8"),
    "CONCATENATION": Registration("AddConcatenation"),
    "CONV_2D": Registration("AddConv2D", "conv.h", "Register_CONV_2D_INT8"),
    "DEPTHWISE_CONV_2D": Registration(
        "AddDepthwiseConv2D", "depthwise_conv.h", "Register_DEPTHWISE_CONV_2D_INT8"
    ),
    "DEPTH_TO_SPACE": Registration("AddDepthToSpace"),
    "DIV": Registration("AddDiv"),
    "ELU": Registration("AddElu"),
    "EXPAND_DIMS": Registration("AddExpandDims"),
    "FULLY_CONNECTED": Registration(
        "AddFullyConnected", "fully_connected.h", "Register_FULLY_CONNECTED_INT8"
    ),
    "HARD_SWISH": Registration("AddHardSwish"),
    "LOGISTIC": Registration("AddLogistic"),
    "MAXIMUM": Registration("AddMaximum"),
    "MEAN": Registration("AddMean"),
    "MINIMUM": Registration("AddMinimum"),
    "MUL": Registration("AddMul", "mul.h", "Register_MUL_INT8"),
    "PAD": Registration("AddPad", "pad.h", "Register_PAD_INT8"),
    "PADV2": Registration("AddPadV2"),
    "PRELU": Registration("AddPrelu"),
    "QUANTIZE": Registration("AddQuantize"),
    "RESHAPE": Registration("AddReshape"),
    "RSQRT": Registration("AddRsqrt"),
    "SLICE": Registration("AddSlice"),
    "SPLIT": Registration("AddSplit"),
    "SPLIT_V": Registration("AddSplitV"),
    "SQUEEZE": Registration("AddSqueeze"),
    "SQUARED_DIFFERENCE": Registration("AddSquaredDifference"),
    "STRIDED_SLICE": Registration("AddStridedSlice"),
    "SUB": Registration("AddSub"),
    "TRANSPOSE": Registration("AddTranspose", "transpose.h", "Register_TRANSPOSE_INT8"),
}


@dataclass(frozen=True)
class UsedOp:
    """One operator of a model.

    Attributes:
        kind: Builtin name.
        registration: How it is registered.
        int8_only: Whether all its tensors that are not indices are int8.
    """

    kind: str
    registration: Registration
    int8_only: bool

    def call(self, number: int | None = None) -> str:
        """C++ method and argument: ``AddConv2D(tflite::Register_CONV_2D_INT8())``.

        Args:
            number: Tells the kinds of a model apart whose operators say when they are done; None
                where they do not.
        """
        wrappers = [f"imse_tflm_exact_{self.kind.lower()}"] * self.is_corrected
        if number is not None:
            wrappers.append(f"imse_tflm_reporting<{number}>")
        argument = f"tflite::{self.function}()" if self.function else ""
        if wrappers and not argument:
            argument = f"tflite::Register_{self.kind}()"
        for wrapper in wrappers:
            argument = f"{wrapper}({argument})"
        return f"{self.registration.method}({argument})"

    @property
    def is_corrected(self) -> bool:
        """Whether what the library prepares is corrected, see ``imse_tflm_exact.cc``."""
        return self.kind in _CORRECTED

    @property
    def function(self) -> str:
        """Function of the int8 registration where that is used, or ``""``."""
        return self.registration.int8 if self.int8_only else ""

    @property
    def header(self) -> str:
        """Header of :attr:`function`, or ``""``."""
        return self.registration.header if self.function else ""


def used_ops(graph: Graph) -> tuple[UsedOp, ...]:
    """The operators of a graph, each once, sorted by name.

    Args:
        graph: Subgraph 0 of the model.

    Returns:
        Operators with their registrations.

    Raises:
        UnsupportedOpError: An operator has no registration here, or has a shape that the optimised
            kernels do not take.
    """
    int8_only: dict[str, bool] = {}
    for op in graph.ops:
        if op.kind not in REGISTRATIONS:
            raise UnsupportedOpError(
                f"tflm runtime: operator {graph.op_name(op)} is not among those that "
                "TensorFlow Lite Micro is generated for",
                hint=f"known: {', '.join(REGISTRATIONS)}",
            )
        _check_transpose(graph, op)
        wide = any(
            graph.tensors[index].dtype == "int16"
            for index in (*op.inputs, *op.outputs)
            if index >= 0
        )
        int8_only[op.kind] = int8_only.get(op.kind, True) and not wide
    return tuple(UsedOp(kind, REGISTRATIONS[kind], int8_only[kind]) for kind in sorted(int8_only))


def _check_transpose(graph: Graph, op: Op) -> None:
    """CMSIS-NN transposes int8 of at most four dimensions; its caller fails, or ignores that."""
    dimensions = len(graph.tensors[op.inputs[0]].shape)
    if op.kind == "TRANSPOSE" and dimensions > _TRANSPOSE_DIMENSIONS:
        raise UnsupportedOpError(
            f"tflm runtime: {graph.op_name(op)} has {dimensions} dimensions, with CMSIS-NN "
            f"TensorFlow Lite Micro transposes at most {_TRANSPOSE_DIMENSIONS}",
            hint="merge axes that stay neighbours with a reshape in the model, or use the aot "
            "runtime",
        )
