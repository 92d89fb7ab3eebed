"""What TensorFlow Lite Micro's integer kernels demand of types, scales and zero points."""

from __future__ import annotations

from quantize.ranges import Quantization

#: Kinds whose operands and results must share type, scale and zero point.
SAME_SCALE = frozenset(
    {
        "AVERAGE_POOL_2D",
        "CONCATENATION",
        "DEPTH_TO_SPACE",
        "EXPAND_DIMS",
        "MAX_POOL_2D",
        "MINIMUM",
        "PAD",
        "RESHAPE",
        "SLICE",
        "SPLIT",
        "SPLIT_V",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TRANSPOSE",
    }
)

#: Same-scale kinds whose result holds nothing but operand values.
COPIES = SAME_SCALE - {"AVERAGE_POOL_2D"}

#: Kinds with their own int8 kernel and free scales.
FREE_SCALE = frozenset(
    {
        "ADD",
        "BATCH_MATMUL",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "DIV",
        "ELU",
        "FULLY_CONNECTED",
        "HARD_SWISH",
        "LOGISTIC",
        "MEAN",
        "MUL",
        "PRELU",
        "RSQRT",
        "SQUARED_DIFFERENCE",
        "SUB",
        "TANH",
    }
)

#: Kinds that have int8 weights per channel: position of (weights, bias), channel axis of weights.
WEIGHTED = {
    "CONV_2D": (1, 2, 0),
    "DEPTHWISE_CONV_2D": (1, 2, 3),
    "FULLY_CONNECTED": (1, 2, 0),
}

#: What recipes call a graph input, next to the operator kinds.
INPUT = "INPUT"

#: Kinds that may be computed with int16 activations.
INT16 = frozenset(
    {
        "ADD",
        "BATCH_MATMUL",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "LOGISTIC",
        "MEAN",
        "MUL",
        "RSQRT",
        "SQUARED_DIFFERENCE",
        "SUB",
        "TANH",
    }
)

#: Same-scale kinds that have an int16 kernel.
INT16_COPIES = SAME_SCALE - {"AVERAGE_POOL_2D", "DEPTH_TO_SPACE", "MAX_POOL_2D"}

#: Results with a scale that the kernel prescribes, by kind and type.
FIXED_OUTPUT = {
    ("LOGISTIC", "int8"): Quantization("int8", 1.0 / 256.0, -128),
    ("LOGISTIC", "int16"): Quantization("int16", 1.0 / 32768.0, 0),
    ("TANH", "int8"): Quantization("int8", 1.0 / 128.0, 0),
    ("TANH", "int16"): Quantization("int16", 1.0 / 32768.0, 0),
}

#: Kinds whose operand must not be negative.
NOT_NEGATIVE_INPUT = frozenset({"RSQRT"})

SUPPORTED = SAME_SCALE | FREE_SCALE
