"""Whole segments through firmware of the offline family, over a :class:`DeviceLink`.

The samples of a segment are written in pieces, the segment is run, and the results are read back
in pieces. Every request may be repeated safely: a RUN with a known sequence number is answered with
the stored result.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from targets.link import DeviceLink, LinkError
from targets.protocol import PacketType, ProtocolError, Tensors

_PIECE_BYTES = 1024
_PLACE = struct.Struct("<I")
_GAIN = struct.Struct("<f")
_READ = struct.Struct("<BIH")
_DONE = struct.Struct("<QQ")
_PROGRESS = struct.Struct("<II")


class _Part(IntEnum):
    """What READ returns."""

    OUTPUT = 0
    FEATURES = 1
    MASK = 2
    PHASE = 3


@dataclass(frozen=True)
class SegmentResult:
    """One enhanced segment.

    Attributes:
        network_cycles: Cycle counter difference over the network alone.
        segment_cycles: Cycle counter difference over analysis, network and synthesis.
        pcm: int16 samples, little endian.
        tensors: The network's tensors if they were asked for.
    """

    network_cycles: int
    segment_cycles: int
    pcm: bytes
    tensors: Tensors | None = None


def process_segment(
    link: DeviceLink,
    pcm: bytes,
    gain: float,
    *,
    tensors: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> SegmentResult:
    """Send one segment and return the enhanced one.

    Args:
        link: The greeted device.
        pcm: ``(segment_frames - 1) * hop`` int16 samples, little endian.
        gain: Brings the samples to a root mean square of one; 0 lets the device measure it.
        tensors: Also return the network's tensors.
        on_progress: Called with layers done and layers in all while the network works.

    Returns:
        The segment.

    Raises:
        LinkError: The image processes no segments, or ``pcm`` has the wrong length.
        LinkTimeoutError: No answer.
        DeviceFaultError: The device reported a failure.
    """
    info = link.info
    if not info.segment_frames:
        raise LinkError(
            "the image on the device processes hops, not segments",
            hint="build and flash it with --model imse",
        )
    size = 2 * info.hop * (info.segment_frames - 1)
    if len(pcm) != size:
        raise LinkError(f"a segment has {size} bytes ({size // 2} samples), got {len(pcm)}")
    for start in range(0, size, _PIECE_BYTES):
        payload = _PLACE.pack(start) + pcm[start : start + _PIECE_BYTES]
        link.request(PacketType.WRITE, payload, PacketType.WRITE_DONE, "samples of a segment")

    def progress(payload: bytes) -> None:
        if on_progress is not None and len(payload) == _PROGRESS.size:
            on_progress(*_PROGRESS.unpack(payload))

    done = link.request(
        PacketType.RUN,
        _GAIN.pack(gain),
        PacketType.RUN_DONE,
        "a segment",
        on_progress=progress,
    )
    if len(done) != _DONE.size:
        raise ProtocolError(
            f"the device's RUN_DONE packet has {len(done)} bytes, expected {_DONE.size}"
        )
    network, whole = _DONE.unpack(done)
    frames = info.segment_frames
    parts = None
    if tensors:
        parts = Tensors(
            _read(link, _Part.FEATURES, frames * info.feature_bytes),
            _read(link, _Part.MASK, frames * info.mask_bytes),
            _read(link, _Part.PHASE, frames * info.phase_bytes),
        )
    return SegmentResult(network, whole, _read(link, _Part.OUTPUT, size), parts)


def _read(link: DeviceLink, part: _Part, size: int) -> bytes:
    pieces = []
    for start in range(0, size, _PIECE_BYTES):
        wanted = min(_PIECE_BYTES, size - start)
        request = _READ.pack(part, start, wanted)
        piece = link.request(PacketType.READ, request, PacketType.DATA, "a result")
        if len(piece) != wanted:
            raise ProtocolError(
                f"the device's DATA packet has {len(piece)} bytes, expected {wanted}"
            )
        pieces.append(piece)
    return b"".join(pieces)
