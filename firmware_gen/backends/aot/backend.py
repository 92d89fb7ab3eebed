"""The ahead-of-time runtime as a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from firmware_gen.backends.aot.arrange import arrange
from firmware_gen.backends.aot.chains import fuse_chains
from firmware_gen.backends.aot.cmsis_nn import cmsis_nn_build_files, find_cmsis_nn
from firmware_gen.backends.aot.emit.cmsis_nn import cmsis_nn_emitter
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.backends.aot.fold import fold_tables
from firmware_gen.backends.aot.fuse import fuse_convolutions, fuse_means, fuse_products
from firmware_gen.backends.aot.heads import fuse_attention, share_roots, split_heads
from firmware_gen.backends.aot.kernel_sets import CMSIS_NN, EMITTERS, choose_kernels
from firmware_gen.backends.aot.layout import Layout
from firmware_gen.backends.aot.lower import lower
from firmware_gen.backends.aot.memory import MemoryPlan, plan_memory
from firmware_gen.backends.aot.nodes import Program
from firmware_gen.backends.aot.norms import fuse_moments, fuse_norms
from firmware_gen.backends.aot.program_source import network_header_text, network_source
from firmware_gen.backends.aot.rotations import fuse_rotations
from firmware_gen.backends.aot.source import Source
from firmware_gen.backends.aot.wide_heads import fuse_wide_attention
from firmware_gen.backends.aot.wide_rotations import fuse_wide_rotations
from firmware_gen.backends.base import BackendMemory, BackendOutput
from firmware_gen.backends.config_header import CONFIG_PATH, config_header
from firmware_gen.backends.errors import BackendError
from firmware_gen.backends.kernel_files import kernel_sources, network_header
from firmware_gen.options import FirmwareOptions
from quantize.artifact import ModelMetadata, QuantizedModel
from quantize.inspect import Graph
from targets.model import Target

_BYTES_PER_LAYER = 48
_BYTES_PER_KERNEL = 400
_STACK_BYTES = 1024

# Upper estimates: what is placed by them must fit.
_FRONTEND_CODE_BYTES = 4096
_MOST_PER_LAYER = 64
_MOST_PER_KERNEL = 700


@dataclass(frozen=True)
class AotBackend:
    """Compiles the graph to C; needs nothing but a C compiler."""

    @property
    def name(self) -> str:
        """``aot``."""
        return "aot"

    def generate(
        self, model: QuantizedModel, target: Target, options: FirmwareOptions
    ) -> BackendOutput:
        """Compile a model for a target, see :class:`firmware_gen.backends.base.Backend`."""
        kernels = choose_kernels(target, options.kernels)
        if kernels != CMSIS_NN:
            return compile_model(model, kernels, EMITTERS[kernels], fuse=options.fuse)
        library = find_cmsis_nn(options.cmsis_nn_dir)
        ours = EMITTERS[choose_kernels(target, "auto")]
        emitter = cmsis_nn_emitter(ours, library)
        output = compile_model(model, kernels, emitter, fuse=options.fuse)
        return replace(output, files={**output.files, **cmsis_nn_build_files()})


def compile_model(
    model: QuantizedModel, kernels: str, emitter: type[Emitter], *, fuse: bool = True
) -> BackendOutput:
    """Compile a model with a kernel set.

    Args:
        model: The integer model.
        kernels: Name of the kernel set, for the report.
        emitter: What writes the layers.
        fuse: Whether operators are joined.

    Returns:
        Files and memory figures.

    Raises:
        UnsupportedOpError: An operator has no kernel.
    """
    network = compile_network(model.graph, model.metadata, emitter, fuse=fuse)
    files = {
        **network.files,
        CONFIG_PATH: config_header(model),
        "network/imse_network.h": network_header(),
    }
    source, plan = network.source, network.plan
    return BackendOutput(
        files=dict(sorted(files.items())),
        memory=BackendMemory(
            weights_bytes=source.constant_bytes,
            arena_bytes=plan.arena_bytes,
            state_bytes=plan.state_bytes,
            code_bytes=len(source.layers) * _BYTES_PER_LAYER
            + len(source.kernels) * _BYTES_PER_KERNEL,
            stack_bytes=_STACK_BYTES,
            hot_code_bytes=_FRONTEND_CODE_BYTES
            + len(source.layers) * _MOST_PER_LAYER
            + len(source.kernels) * _MOST_PER_KERNEL,
        ),
        report=_report(network.layout, plan, source, kernels),
    )


@dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """A network as C, with the stages' results.

    Attributes:
        files: ``model/network_aot.c``, ``model/network_aot.h`` and the kernels it calls.
        layout: Placements of all values.
        plan: Memory sizes.
        source: Layers, constants and kernels.
    """

    files: dict[str, bytes]
    layout: Layout
    plan: MemoryPlan
    source: Source


def compile_network(
    graph: Graph, metadata: ModelMetadata, kernels: str | type[Emitter], *, fuse: bool = True
) -> CompiledNetwork:
    """Compile a graph, without the constants of the front end.

    Args:
        graph: Subgraph 0 of the model.
        metadata: Which tensors are features, mask, phase and states.
        kernels: Name of one of our kernel sets, or what writes the layers.
        fuse: Whether operators are joined; without, every operator is a kernel of its own.

    Returns:
        The C sources and what led to them.

    Raises:
        BackendError: A layer uses other scratch memory than it asked for.
        UnsupportedOpError: An operator has no kernel.
    """
    kind = EMITTERS[kernels] if isinstance(kernels, str) else kernels
    program = lower(graph, metadata)
    if fuse:
        _fuse(program, kind)
    layout = arrange(program)
    draft = kind(layout, plan_memory(layout, {}), Source(keeps_text=False))
    draft.run()
    plan = plan_memory(layout, draft.scratch_bytes)
    source = Source()
    emitter = kind(layout, plan, source)
    emitter.run()
    _check_scratch(program, draft.scratch_bytes, emitter.scratch_bytes)
    files = {
        "model/network_aot.c": network_source(metadata, layout, plan, emitter, source).encode(),
        "model/network_aot.h": network_header_text(plan).encode(),
        **kernel_sources(source.kernels, source.headers),
    }
    return CompiledNetwork(files, layout, plan, source)


def _fuse(program: Program, kind: type[Emitter]) -> None:
    """Join operators as far as a kernel set has kernels for them, in place."""
    fold_tables(program)
    fuse_convolutions(program, kind.looks_up)
    fuse_products(program, kind.multiplies)
    fuse_rotations(program, kind.rotates)
    fuse_wide_rotations(program, kind.rotates_wide)
    fuse_means(program, kind.looks_up_means)
    fuse_attention(program, kind.attends)
    fuse_norms(program, kind.norms)
    fuse_moments(program, kind.takes_moments)
    split_heads(program)
    fuse_chains(program, kind.chains)
    share_roots(program)
    fuse_wide_attention(program, kind.attends_wide)


def _check_scratch(
    program: Program, planned_bytes: Mapping[int, int], needed_bytes: Mapping[int, int]
) -> None:
    """Check that what kernels use was planned, by position of the node."""
    for position, needed in needed_bytes.items():
        planned = planned_bytes.get(position, 0)
        if needed > planned:
            raise BackendError(
                f"aot runtime: {program.nodes[position].label} needs {needed} bytes of scratch "
                f"memory, {planned} are planned"
            )


def _report(layout: Layout, plan: MemoryPlan, source: Source, kernels: str) -> dict[str, Any]:
    program = layout.program
    names = {b: program.values[b.value].name for b in layout.buffers if b.kind == "arena"}
    names |= {b: f"scratch of {program.nodes[i].label}" for i, b in plan.scratch.items()}
    return {
        "kernels": kernels,
        "kernel_functions": sorted(source.kernels),
        "layers": source.layer_table,
        "arena_bytes": plan.arena_bytes,
        "arena_lower_bound_bytes": plan.lower_bound_bytes,
        "steps": len(program.nodes),
        "rings": [
            {"state": ring.state.name, "rows": ring.rows, "running_sum": ring.window is not None}
            for ring in layout.rings
        ],
        "buffers": [
            {
                "name": name,
                "offset": b.offset,
                "size_bytes": b.size_bytes,
                "first": b.first,
                "last": b.last,
            }
            for b, name in names.items()
        ],
    }
