"""Names and shapes of every tensor of the published network on both sides.

PyTorch names are those of the authors' checkpoint; ours are variable paths of
:func:`keras_imse.models.imse.build_imse`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keras_imse.imse_config import STAGES, ImseConfig
from keras_imse.weights.layouts import (
    BANDS,
    CONV,
    DEPTHWISE,
    SHUFFLED,
    SLOPES,
    VECTOR,
    Layout,
)


@dataclass(frozen=True)
class Entry:
    """One tensor of the checkpoint.

    Attributes:
        torch_name: Its name in the checkpoint.
        torch_shape: Its shape there.
        path: Path of our variable, or None for a constant that we compute.
        layout: Conversion between the two.
        column: Output channel of our variable that the tensor fills, when it fills only one.
    """

    torch_name: str
    torch_shape: tuple[int, ...]
    path: str | None
    layout: Layout
    column: int | None = None


#: PyTorch names of the layers that embed a stage's input.
_EMBED_NAMES = {
    "mag_refinement": "mag_patch_embed_refinement",
    "pha_refinement": "pha_patch_embed_refinement",
}


def name_map(config: ImseConfig) -> tuple[Entry, ...]:
    """Returns one entry per tensor of a checkpoint of ``config``, in a fixed order."""
    return (*_encoder(config), *_u_net(config), *_mask_decoder(config), *_phase_decoder(config))


def _conv(torch: str, ours: str, outs: int, ins: int, kernel: tuple[int, int]) -> Iterator[Entry]:
    """A convolution with bias."""
    yield Entry(f"{torch}.weight", (outs, ins, *kernel), f"{ours}/kernel", CONV)
    yield Entry(f"{torch}.bias", (outs,), f"{ours}/bias", VECTOR)


def _pointwise(torch: str, ours: str, outs: int, ins: int) -> Entry:
    """A 1x1 convolution without bias."""
    return Entry(f"{torch}.weight", (outs, ins, 1, 1), f"{ours}/kernel", CONV)


def _shuffled(torch: str, ours: str, outs: int, ins: int) -> Entry:
    """A 1x1 convolution without bias before a pixel shuffle."""
    return Entry(f"{torch}.weight", (outs, ins, 1, 1), f"{ours}/kernel", SHUFFLED)


def _depthwise(
    torch: str, ours: str, channels: int, kernel: tuple[int, int], *, bias: bool
) -> Iterator[Entry]:
    """A depthwise convolution."""
    shape = (channels, 1, *kernel)
    yield Entry(f"{torch}.weight", shape, f"{ours}/depthwise_kernel", DEPTHWISE)
    if bias:
        yield Entry(f"{torch}.bias", (channels,), f"{ours}/bias", VECTOR)


def _norm_act(torch: str, ours: str, first: int, channels: int) -> Iterator[Entry]:
    """Instance norm and PReLU as items ``first`` and ``first + 1`` of a sequence."""
    yield Entry(f"{torch}.{first}.weight", (channels,), f"{ours}/norm/gamma", VECTOR)
    yield Entry(f"{torch}.{first}.bias", (channels,), f"{ours}/norm/beta", VECTOR)
    yield Entry(f"{torch}.{first + 1}.weight", (channels,), f"{ours}/act/alpha", SLOPES)


def _unit(torch: str, ours: str, outs: int, ins: int, kernel: tuple[int, int]) -> Iterator[Entry]:
    """Convolution, instance norm, PReLU."""
    yield from _conv(f"{torch}.0", f"{ours}/conv", outs, ins, kernel)
    yield from _norm_act(torch, ours, 1, outs)


def _dense_block(config: ImseConfig, owner: str) -> Iterator[Entry]:
    """The dense block of the encoder or a decoder."""
    channels = config.dense_channels
    for i in range(config.dense_depth):
        torch = f"{owner}.dense_block.dense_block.{i}"
        ours = f"{owner}/dense_block/unit_{i}"
        yield from _unit(torch, ours, channels, channels * (i + 1), (3, 3))


def _encoder(config: ImseConfig) -> Iterator[Entry]:
    """The dense encoder."""
    channels, owner = config.dense_channels, "dense_encoder"
    yield from _unit(f"{owner}.dense_conv_1", f"{owner}/dense_conv_1", channels, 2, (1, 1))
    yield from _dense_block(config, owner)
    yield from _unit(f"{owner}.dense_conv_2", f"{owner}/dense_conv_2", channels, channels, (1, 3))


def _u_net(config: ImseConfig) -> Iterator[Entry]:
    """All stages and what joins them."""
    root = "TCFTransformer"
    for stage, level in STAGES:
        yield from _embedding(config, stage, level)
        for block in range(config.stage_blocks):
            yield from _block(config, stage, level, block)
        yield from _skff(config, stage, level)
    for name, start, end in (("down1_2", 0, 1), ("down2_3", 1, 2)):
        ins, outs = config.channels(start), config.channels(end)
        torch = f"{root}.{name}.body"
        yield from _depthwise(f"{torch}.0", f"{name}/depthwise", ins, (3, 3), bias=False)
        yield _pointwise(f"{torch}.1", f"{name}/pointwise", outs // 4, ins)
    for name, start, end in (("up3_2", 2, 1), ("up2_1", 1, 0)):
        ins, outs = config.channels(start), config.channels(end)
        torch = f"{root}.{name}.body"
        yield from _depthwise(f"{torch}.0", f"{name}/depthwise", ins, (3, 3), bias=False)
        yield _shuffled(f"{torch}.1", f"{name}/pointwise", 4 * outs, ins)
        torch, ours = f"{root}.reduce_chan_level{end + 1}.0", f"reduce_level{end + 1}"
        yield _pointwise(torch, ours, outs, 2 * outs)
    for head in ("mag_output", "pha_output"):
        shape = (config.channels(0), config.channels(0), 3, 3)
        yield Entry(f"{root}.{head}.0.weight", shape, f"{head}/kernel", CONV)


def _embedding(config: ImseConfig, stage: str, level: int) -> Iterator[Entry]:
    """The IDConv in front of a stage."""
    name = _EMBED_NAMES.get(stage, f"patch_embed_{stage}")
    torch, ours = f"TCFTransformer.{name}.patch_embeds.0.patch_conv", f"embed_{stage}"
    channels, strip = config.channels(level), config.strip
    branch = int(channels * config.branch_ratio)
    yield _pointwise(f"{torch}.pwconv", f"{ours}/pointwise", channels, channels)
    yield from _depthwise(f"{torch}.dwconv_hw", f"{ours}/square", branch, (3, 3), bias=True)
    yield from _depthwise(f"{torch}.dwconv_w", f"{ours}/over_freq", branch, (1, strip), bias=True)
    yield from _depthwise(f"{torch}.dwconv_h", f"{ours}/over_time", branch, (strip, 1), bias=True)


def _block(config: ImseConfig, stage: str, level: int, block: int) -> Iterator[Entry]:
    """One transformer block."""
    torch = f"TCFTransformer.{stage}.mhca_blks.0.transformer_layers.{block}"
    ours = f"{stage}/block_{block}"
    channels, hidden = config.channels(level), config.hidden_channels(level)
    yield Entry(f"{torch}.norm1.body.weight", (channels,), f"{ours}/norm1/gamma", VECTOR)
    yield Entry(f"{torch}.rope.angle", (config.head_size // 2,), None, VECTOR)
    yield from _conv(f"{torch}.mala.qkvo", f"{ours}/mala/qkvo", 4 * channels, channels, (1, 1))
    yield from _depthwise(f"{torch}.mala.lepe", f"{ours}/mala/lepe", channels, (5, 5), bias=True)
    yield from _conv(f"{torch}.mala.proj", f"{ours}/mala/proj", channels, channels, (1, 1))
    yield Entry(f"{torch}.norm2.body.weight", (channels,), f"{ours}/norm2/gamma", VECTOR)
    yield _pointwise(f"{torch}.ffn.project_in", f"{ours}/gdfn/project_in", 2 * hidden, channels)
    torch_name = f"{torch}.ffn.dwconv"
    yield from _depthwise(torch_name, f"{ours}/gdfn/depthwise", 2 * hidden, (3, 3), bias=False)
    yield _pointwise(f"{torch}.ffn.project_out", f"{ours}/gdfn/project_out", channels, hidden)


def _skff(config: ImseConfig, stage: str, level: int) -> Iterator[Entry]:
    """The inert fusion parameters of a stage."""
    torch, ours = f"TCFTransformer.{stage}.aggregate", f"{stage}/skff"
    channels, squeezed = config.channels(level), config.skff_channels(level)
    shape = (squeezed, channels, 1, 1)
    yield Entry(f"{torch}.conv_du.0.weight", shape, f"{ours}/squeeze", CONV)
    yield Entry(f"{torch}.conv_du.1.weight", (1,), f"{ours}/slope", VECTOR)
    shape = (channels, squeezed, 1, 1)
    yield Entry(f"{torch}.fcs.0.weight", shape, f"{ours}/expand", CONV)


def _upsample(config: ImseConfig, torch: str, ours: str) -> Iterator[Entry]:
    """The doubling of the bands in a decoder."""
    channels = config.dense_channels
    yield _shuffled(f"{torch}.0", f"{ours}/pointwise", 4 * channels, channels)
    yield from _depthwise(f"{torch}.2", f"{ours}/depthwise", channels, (1, 3), bias=False)


def _mask_decoder(config: ImseConfig) -> Iterator[Entry]:
    """The decoder of the mask."""
    owner = "mask_decoder"
    yield from _dense_block(config, owner)
    yield from _upsample(config, f"{owner}.mask_conv", f"{owner}/upsample")
    yield from _conv(f"{owner}.mask_conv.3", f"{owner}/reduce", 1, config.dense_channels, (1, 1))
    yield from _norm_act(f"{owner}.mask_conv", owner, 4, 1)
    yield from _conv(f"{owner}.mask_conv.6", f"{owner}/final", 1, 1, (1, 1))
    shape = (config.audio.bands, 1)
    yield Entry(f"{owner}.lsigmoid.slope", shape, f"{owner}/slope", BANDS)


def _phase_decoder(config: ImseConfig) -> Iterator[Entry]:
    """The decoder of the phase."""
    owner, channels = "phase_decoder", config.dense_channels
    yield from _dense_block(config, owner)
    yield from _upsample(config, f"{owner}.phase_conv", f"{owner}/upsample")
    yield from _norm_act(f"{owner}.phase_conv", owner, 3, channels)
    for column, part in enumerate(("phase_conv_r", "phase_conv_i")):
        torch, ours = f"{owner}.{part}", f"{owner}/real_imag"
        yield Entry(f"{torch}.weight", (1, channels, 1, 1), f"{ours}/kernel", CONV, column)
        yield Entry(f"{torch}.bias", (1,), f"{ours}/bias", VECTOR, column)
