"""Unary operators inside the operators next to them.

A unary operator behind a convolution sees the convolution's rounded int8 result, so that a table of
256 results gives the same bytes wherever it is looked up. A parametric ReLU has one table per
channel. A product looks up its first operand while it reads it, a mean what it adds up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from firmware_gen.backends.aot.fold import kept_values
from firmware_gen.backends.aot.nodes import (
    Binary,
    Convolution,
    Mean,
    Node,
    Prelu,
    Program,
    Table,
)
from firmware_gen.backends.fixedpoint import clamp, multiply

Tables = tuple[tuple[int, ...], ...]


def fuse_convolutions(program: Program, accepts: Callable[[Program, Convolution], bool]) -> None:
    """Move unary operators into the convolutions before them, in place.

    Args:
        program: The program.
        accepts: Whether the kernel of a convolution looks up tables.
    """
    kept = kept_values(program)
    producers = {node.outputs[0]: node for node in program.nodes if isinstance(node, Convolution)}
    fused: dict[Node, Node | None] = {}
    for node in program.nodes:
        source = producers.get(node.inputs[0]) if node.inputs else None
        if source is None or source.outputs[0] in kept or not accepts(program, source):
            continue
        if source.tables or program.consumers(source.outputs[0]) != [node]:
            continue
        tables = _tables(program, node, source.weights.shape[0])
        if tables:
            fused[source] = replace(
                source,
                label=f"{source.label}, {node.label}",
                outputs=node.outputs,
                output=source.outputs[0],
                tables=tables,
            )
            fused[node] = None
    nodes = [fused.get(node, node) for node in program.nodes]
    program.nodes = [node for node in nodes if node is not None]


def fuse_products(program: Program, accepts: Callable[[Program, Binary], bool]) -> None:
    """Move tables into the products behind them, in place.

    Args:
        program: The program.
        accepts: Whether the kernel of a product looks up its first operand.
    """
    tables = _lone_tables(program)
    fused: dict[Node, Node | None] = {}
    for node in program.nodes:
        if not isinstance(node, Binary) or node.kind != "mul" or not accepts(program, node):
            continue
        first, second = node.inputs if node.inputs[0] in tables else node.inputs[::-1]
        shapes = {program.values[index].shape for index in (first, second, *node.outputs)}
        table = tables.get(first)
        if table is None or first == second or len(shapes) > 1:
            continue
        fused[table] = None
        fused[node] = replace(
            node,
            label=f"{table.label}, {node.label}",
            inputs=(table.inputs[0], second),
            table=table.table,
            looked_up=first,
        )
    nodes = [fused.get(node, node) for node in program.nodes]
    program.nodes = [node for node in nodes if node is not None]


def fuse_means(program: Program, accepts: Callable[[Program, Mean], bool]) -> None:
    """Move tables into the means of int16 values behind them, in place.

    Args:
        program: The program.
        accepts: Whether the kernel of a mean looks up what it adds up.
    """
    tables = _lone_tables(program)
    fused: dict[Node, Node | None] = {}
    for node in program.nodes:
        table = tables.get(node.inputs[0]) if isinstance(node, Mean) else None
        if not isinstance(node, Mean) or table is None or not accepts(program, node):
            continue
        fused[table] = None
        label = f"{table.label}, {node.label}"
        fused[node] = replace(node, label=label, inputs=table.inputs, table=table.table)
    nodes = [fused.get(node, node) for node in program.nodes]
    program.nodes = [node for node in nodes if node is not None]


def _lone_tables(program: Program) -> dict[int, Table]:
    """Tables that only one operator reads, by their result."""
    kept = kept_values(program)
    return {
        node.outputs[0]: node
        for node in program.nodes
        if isinstance(node, Table)
        and node.outputs[0] not in kept
        and len(program.consumers(node.outputs[0])) == 1
    }


def _tables(program: Program, node: Node, channels: int) -> Tables:
    """Tables of a unary operator, one or one per channel; none for any other operator."""
    if program.values[node.outputs[0]].dtype != "int8":
        return ()
    if isinstance(node, Table):
        return (node.table,)
    if isinstance(node, Prelu):
        return _prelu_tables(program, node, channels)
    return ()


def _prelu_tables(program: Program, node: Prelu, channels: int) -> Tables:
    x, alpha = (program.values[index] for index in node.inputs)
    zero_point = program.values[node.outputs[0]].zero_point
    if alpha.data is None or alpha.shape[-1:] != (channels,) or alpha.elements != channels:
        return ()

    def one(q: int, slope: int) -> int:
        value = q - x.zero_point
        scaled = (
            multiply(value, node.positive) if value >= 0 else multiply(value * slope, node.negative)
        )
        return clamp(scaled + zero_point, -128, 127)

    slopes = [int(slope) - alpha.zero_point for slope in alpha.data.ravel()]
    return tuple(tuple(one(q, slope) for q in range(-128, 128)) for slope in slopes)
