"""The intermediate representation: values and nodes with every number resolved to integers.

A node is what one kernel does. Shapes are static, rounding parameters are computed, operators that
only move data (reshape, slice, concatenation, padding) are nodes of their own that usually
disappear when memory is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Multiplier = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Value:
    """One tensor.

    Attributes:
        index: Position in the program's value list.
        name: Name of the tensor in the .tflite.
        shape: Static shape.
        dtype: ``"int8"`` or ``"int16"``.
        scale: Quantization scale.
        zero_point: Quantization zero point.
        data: Constant values, or None.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    data: np.ndarray | None = None

    @property
    def elements(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return 2 if self.dtype == "int16" else 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Node:
    """One step of the program.

    Attributes:
        label: Operator and tensor of the .tflite it comes from, for comments and errors.
        inputs: Values read.
        outputs: Values written.
    """

    label: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution(Node):
    """Convolution without padding; ``depthwise`` ones convolve every channel on its own.

    Attributes:
        weights: int8, ``[out][kh][kw][in / groups]``, depthwise ``[kh][kw][out]``.
        bias: int64 per output channel.
        multipliers: Per output channel.
        strides: Rows, columns.
        dilations: Rows, columns.
        low: Lower limit of the output (fused activation).
        high: Upper limit of the output.
        depthwise: Whether this is a depthwise convolution.
        tables: Unary int8 operators behind the convolution: none, one, or one per channel, with
            the results for -128 … 127.
        output: With tables, the value that the sums are rounded to before them.
    """

    weights: np.ndarray
    bias: tuple[int, ...]
    multipliers: tuple[Multiplier, ...]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    low: int
    high: int
    depthwise: bool
    tables: tuple[tuple[int, ...], ...] = ()
    output: int = -1

    @property
    def rounded(self) -> int:
        """Value whose quantization the sums are rounded to, before the tables."""
        return self.output if self.tables else self.outputs[0]

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of the kernel."""
        first = 0 if self.depthwise else 1
        return int(self.weights.shape[first]), int(self.weights.shape[first + 1])


@dataclass(frozen=True, eq=False, kw_only=True)
class Binary(Node):
    """Element-wise operator with broadcasting.

    Attributes:
        kind: ``"add"``, ``"sub"``, ``"mul"``, ``"div"``, ``"squared_difference"``, ``"minimum"`` or
            ``"maximum"``.
        a: Multiplier of the first operand (add, sub, squared difference).
        b: Multiplier of the second operand (add, sub, squared difference).
        out: Multiplier of the result.
        low: Lower limit of the output.
        high: Upper limit of the output.
        table: Unary int8 operator on the first operand (mul), or nothing.
        looked_up: With a table, the value that the first operand becomes.
    """

    kind: str
    out: Multiplier
    low: int
    high: int
    a: Multiplier = (0, 0)
    b: Multiplier = (0, 0)
    table: tuple[int, ...] = ()
    looked_up: int = -1


@dataclass(frozen=True, eq=False, kw_only=True)
class Table(Node):
    """Unary operator on int8 as a table.

    Attributes:
        table: Results for -128 … 127.
    """

    table: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Requantize(Node):
    """Change of scale and zero point of an int16 value.

    Attributes:
        out: Ratio of the scales.
    """

    out: Multiplier


@dataclass(frozen=True, eq=False, kw_only=True)
class Prelu(Node):
    """Parametric ReLU; inputs are the value and the slopes.

    Attributes:
        positive: Multiplier of values at or above 0.
        negative: Multiplier of the products with the slope.
    """

    positive: Multiplier
    negative: Multiplier


@dataclass(frozen=True, eq=False, kw_only=True)
class ReciprocalRoot(Node):
    """``1 / sqrt`` of an int16 value.

    Attributes:
        out: Multiplier of the result.
    """

    out: Multiplier


@dataclass(frozen=True, eq=False, kw_only=True)
class WideLogistic(Node):
    """Sigmoid of int16 values.

    Attributes:
        factor: With the shift, brings the input to steps of 1/12288.
        shift: Right shift behind the factor.
    """

    factor: int
    shift: int


@dataclass(frozen=True, eq=False, kw_only=True)
class MatMul(Node):
    """Batched matrix product.

    Attributes:
        transpose_a: Whether the first operand is stored transposed.
        transpose_b: Whether the second operand is stored transposed.
        out: Multiplier of the sums.
        blocks: The second operand is 0 outside of as many equal blocks along its diagonal.
        needed_blocks: Of the result only as many equal blocks along its diagonal are needed.
    """

    transpose_a: bool
    transpose_b: bool
    out: Multiplier
    blocks: int = 1
    needed_blocks: int = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Mean(Node):
    """Mean (or sum) over axes.

    Attributes:
        axes: Reduced axes, sorted.
        out: Multiplier of the sums, division included.
        table: What the int8 inputs become before they are added up, as int16; or nothing.
    """

    axes: tuple[int, ...]
    out: Multiplier
    table: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragePool(Node):
    """Average pooling.

    Attributes:
        window: Rows and columns.
        strides: Rows, columns.
        pads: Top, left.
        low: Lower limit of the output.
        high: Upper limit of the output.
    """

    window: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int]
    low: int
    high: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Transpose(Node):
    """Permutation of axes.

    Attributes:
        perm: Input axis of every output axis.
    """

    perm: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(Node):
    """Constant border.

    Attributes:
        before: Elements in front, per axis.
        value: What the border holds.
    """

    before: tuple[int, ...]
    value: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Concat(Node):
    """Concatenation.

    Attributes:
        axis: Axis along which the inputs follow each other.
    """

    axis: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Slice(Node):
    """Part of a value.

    Attributes:
        begin: First element per axis.
        steps: Step per axis.
        shape: Shape before removed axes are dropped.
    """

    begin: tuple[int, ...]
    steps: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Chain(Node):
    """Element-wise operators, each on results of the ones before, in one loop.

    Attributes:
        steps: The operators in order; what they give all has the shape of the last result, the one
            output. Their other inputs are the inputs of the chain.
        grouped: Inputs with one value for ``group`` neighbouring elements of the last axis.
        group: Elements per value of a grouped input.
    """

    steps: tuple[Node, ...]
    grouped: tuple[int, ...] = ()
    group: int = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class RowNorm(Node):
    """Rows of int16 values divided by their deviation, as int8, in one kernel.

    Attributes:
        mean: Mean of a row.
        square: Squared difference of value and mean.
        variance: Mean of the squares.
        raised: Sum of the variance and a constant.
        root: ``1 / sqrt`` of the sum.
        product: Product of value and root.
        result: Change of the product to the type of the output.
    """

    mean: Mean
    square: Binary
    variance: Mean
    raised: Binary
    root: ReciprocalRoot
    product: Binary
    result: Requantize


@dataclass(frozen=True, eq=False, kw_only=True)
class Moments(Node):
    """Mean of int16 values over axes and variance around it, the two outputs.

    Attributes:
        mean: The mean.
        square: Squared difference of value and mean.
        variance: Mean of the squares.
    """

    mean: Mean
    square: Binary
    variance: Mean


@dataclass(frozen=True, eq=False, kw_only=True)
class Attend(Node):
    """Linear attention from the queries on: ``a + z (a - mean)`` with ``a = numerator / z``.

    Inputs are, all int8, the queries ``(…, rows, depth)`` and the matrix ``(…, depth, channels)``
    that they are multiplied by, the plain queries ``(…, rows, depth)`` and the sums
    ``(…, depth, 1)`` that give ``z``, and the mean ``(…, 1, channels)``.

    Attributes:
        numerator: Product of queries and matrix.
        normaliser: Product of plain queries and sums.
        inverse: Factor ``1 / z`` as a table.
        attended: Product of numerator and factor.
        away: Its difference to the mean.
        weighted: Product of ``z`` and the difference.
        result: Sum of ``attended`` and ``weighted``.
        merged: Queries, plain queries or result that have the heads side by side in the last axis:
            ``(1, 1, rows, depth / 4 * heads * 4)`` in place of ``(1, heads, rows, depth)``.
    """

    numerator: MatMul
    normaliser: MatMul
    inverse: Table
    attended: Binary
    away: Binary
    weighted: Binary
    result: Binary
    merged: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False, kw_only=True)
class Rotate(Node):
    """Rotation of the values ``j`` and ``j + half`` of every row by constant angles.

    Attributes:
        cosines: Constant, the same for both halves.
        sines: Constant, of opposite sign in both halves.
        straight: Product of the input and the cosines.
        crossed: Product of the input with its halves swapped and the sines.
        result: Sum of the two, in this order.
    """

    cosines: int
    sines: int
    straight: Binary
    crossed: Binary
    result: Binary


@dataclass(frozen=True, eq=False)
class Turn:
    """How one pair of neighbouring channels is rotated.

    Attributes:
        axis: Axis by whose index the angle goes, 1 or 2.
        plain: What is multiplied by the cosine, for inputs -128 … 127.
        cosines: Quantized cosines by index.
        sines: Quantized sines by index.
        straight: Product of a value and the cosine.
        again: Constant that the straight product is multiplied by, and the multiplier; or None.
        crossed: Product of its neighbour and the sine.
        share: Multiplier of the crossed product in the sum that gathers the two axes.
    """

    axis: int
    plain: tuple[int, ...]
    cosines: tuple[int, ...]
    sines: tuple[int, ...]
    straight: Binary
    again: tuple[int, Multiplier] | None
    crossed: Binary
    share: Multiplier


@dataclass(frozen=True, eq=False, kw_only=True)
class WideRotate(Node):
    """Rotation of pairs of neighbouring channels by the index of a row or column, int8 to int16.

    The input is int8 ``(1, rows, columns, channels)``.

    Attributes:
        turned: What is multiplied by the sine, for inputs -128 … 127 of the neighbour; where the
            result is an even channel, and where it is an odd one.
        turns: Per pair of channels, over and over.
        joined: Sum that gathers the crossed products of the two axes, one of which is 0.
        result: Sum of straight and crossed product, in this order.
    """

    turned: tuple[tuple[int, ...], tuple[int, ...]]
    turns: tuple[Turn, ...]
    joined: Binary
    result: Binary


@dataclass(frozen=True, eq=False, kw_only=True)
class WideAttend(Node):
    """Linear attention of int16 values: ``a + z (a - mean)`` with ``a = numerator / z``.

    Inputs are the queries ``(1, rows, channels)`` and the matrix ``(1, channels, channels)`` that
    they are multiplied by, the plain queries ``(1, rows, channels)`` and the sums
    ``(1, channels, heads)`` that give ``z``, or ``(1, channels, channels)`` with equal columns per
    head, and the mean ``(1, channels)``. Matrix and sums are 0 outside of the blocks of the heads.

    Attributes:
        numerator: Product of queries and matrix.
        normaliser: Product of plain queries and sums.
        root: ``1 / sqrt(z)``.
        first: Product of numerator and root.
        second: Product of that and the root.
        away: Its difference to the mean.
        weighted: Product of ``z`` and the difference.
        result: Sum of ``second`` and ``weighted``.
    """

    numerator: MatMul
    normaliser: MatMul
    root: ReciprocalRoot
    first: Binary
    second: Binary
    away: Binary
    weighted: Binary
    result: Binary


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(Node):
    """The same elements in another shape."""


@dataclass(frozen=True, eq=False)
class State:
    """A value that is carried from frame to frame.

    Attributes:
        name: Name of the state.
        before: Value at the start of a frame.
        after: Value at the end of a frame.
        initial: One time row after a reset, or None for the zero point.
    """

    name: str
    before: int
    after: int
    initial: tuple[int, ...] | None


@dataclass(eq=False)
class Program:
    """A lowered graph.

    Attributes:
        values: All values.
        nodes: Steps in execution order.
        states: Values carried over.
        features: Input value.
        mask: Output value.
        phase: Output value.
    """

    values: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    states: tuple[State, ...] = ()
    features: int = -1
    mask: int = -1
    phase: int = -1

    def consumers(self, value: int) -> list[Node]:
        """Nodes that read a value."""
        return [node for node in self.nodes if value in node.inputs]

    def add_value(self, like: Value, name: str, shape: tuple[int, ...]) -> int:
        """Add a value with the type and quantization of another one.

        Returns:
            Its index.
        """
        index = len(self.values)
        self.values.append(Value(index, name, shape, like.dtype, like.scale, like.zero_point))
        return index
