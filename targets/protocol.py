"""Packets of the UART protocol between host and firmware.

A packet, little endian::

    'I' 'M' | type u8 | flags u8 | seq u16 | length u16 | payload[length] | crc32 u32

The CRC is zlib's, over everything from ``type`` to the end of the payload. The device never sends
unasked; an answer carries the ``seq`` of its request. The same protocol in C is
``firmware_gen/csrc/protocol``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from targets.errors import TargetError

PROTOCOL_VERSION = 3
MAGIC = b"IM"
HEADER = struct.Struct("<2sBBHH")
CRC = struct.Struct("<I")
OVERHEAD_BYTES = HEADER.size + CRC.size
MAX_PAYLOAD = 16 * 1024
"""Longest payload a decoder accepts: the full answer to a frame is below 3 KiB for any preset."""

FLAG_TENSORS = 0x01
"""Flag of FRAME: also return the tensors. Flag of RESULT: they are there."""


class PacketType(IntEnum):
    """What a packet is; answers have bit 7 set."""

    HELLO = 0x01
    RESET = 0x02
    FRAME = 0x03
    STATUS = 0x04
    WRITE = 0x10
    RUN = 0x11
    READ = 0x12
    INFO = 0x81
    RESET_DONE = 0x82
    RESULT = 0x83
    STATE = 0x84
    WRITE_DONE = 0x90
    RUN_DONE = 0x91
    DATA = 0x92
    PROGRESS = 0x93
    ERROR = 0xFF


class ErrorCode(IntEnum):
    """First payload byte of an ERROR packet."""

    BAD_CRC = 1
    BAD_LENGTH = 2
    BAD_TYPE = 3
    NETWORK_FAILED = 4
    RECEIVE = 5
    HARD_FAULT = 6
    BAD_VALUE = 7


ERROR_TEXT: dict[int, str] = {
    ErrorCode.BAD_CRC: "a packet arrived damaged (CRC)",
    ErrorCode.BAD_LENGTH: "a packet arrived with a wrong length",
    ErrorCode.BAD_TYPE: "a packet arrived with an unknown type",
    ErrorCode.NETWORK_FAILED: "the network failed",
    ErrorCode.RECEIVE: "bytes were lost (receive timeout or overrun)",
    ErrorCode.HARD_FAULT: "the processor took a hard fault",
    ErrorCode.BAD_VALUE: "a request had a value outside its range",
}

TRANSMISSION_ERRORS = frozenset(
    {ErrorCode.BAD_CRC, ErrorCode.BAD_LENGTH, ErrorCode.BAD_TYPE, ErrorCode.RECEIVE}
)
"""Errors of the line: sending the request again may help."""


class ProtocolError(TargetError):
    """A packet that is well-formed but does not mean what it must."""


@dataclass(frozen=True)
class Packet:
    """One packet.

    Attributes:
        type: Type byte, usually a :class:`PacketType`.
        seq: Sequence number, 0 to 65535.
        payload: Content.
        flags: Flag bits.
    """

    type: int
    seq: int
    payload: bytes = b""
    flags: int = 0

    def encode(self) -> bytes:
        """The bytes on the wire.

        Raises:
            ValueError: The payload is longer than :data:`MAX_PAYLOAD`.
        """
        if len(self.payload) > MAX_PAYLOAD:
            raise ValueError(f"payload of {len(self.payload)} bytes, at most {MAX_PAYLOAD} fit")
        body = HEADER.pack(MAGIC, self.type, self.flags, self.seq, len(self.payload))
        body += self.payload
        return body + CRC.pack(zlib.crc32(body[len(MAGIC) :]))


@dataclass
class DecoderCounters:
    """What a decoder had to throw away.

    Attributes:
        skipped_bytes: Bytes outside any valid packet.
        bad_crc: Packet candidates whose CRC did not match.
        bad_length: Packet candidates that claim more than :data:`MAX_PAYLOAD`.
    """

    skipped_bytes: int = 0
    bad_crc: int = 0
    bad_length: int = 0


class PacketDecoder:
    """Finds packets in a byte stream and resynchronises after damage.

    After a candidate that fails its check only its first byte is dropped and the search for the
    magic goes on behind it, so that a good packet swallowed by a damaged length is still found.

    Args:
        max_payload: Longest payload to believe; smaller means faster resynchronisation.
    """

    def __init__(self, max_payload: int = MAX_PAYLOAD) -> None:
        self._buffer = bytearray()
        self._max_payload = max_payload
        self.counters = DecoderCounters()

    @property
    def pending_bytes(self) -> int:
        """Bytes kept because they may begin a packet."""
        return len(self._buffer)

    def clear(self) -> None:
        """Forget everything not yet decoded."""
        self._buffer.clear()

    def feed(self, data: bytes) -> list[Packet]:
        """Add bytes and return the packets that are now complete."""
        self._buffer += data
        return list(self._decode(final=False))

    def flush(self) -> list[Packet]:
        """Give up on the packet in progress and return good ones that it may have swallowed.

        To be called when the line has been silent for longer than any gap inside a packet.
        """
        packets = list(self._decode(final=True))
        self.counters.skipped_bytes += len(self._buffer)
        self._buffer.clear()
        return packets

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self.counters.skipped_bytes += count

    def _decode(self, *, final: bool) -> Iterator[Packet]:
        buffer = self._buffer
        while True:
            start = buffer.find(MAGIC)
            if start < 0:
                # The last byte may be the first half of the magic.
                keep = 1 if buffer.endswith(MAGIC[:1]) else 0
                self._skip(len(buffer) - keep)
                return
            self._skip(start)
            if len(buffer) < HEADER.size:
                return
            _, kind, flags, seq, length = HEADER.unpack_from(buffer)
            if length > self._max_payload:
                self.counters.bad_length += 1
                self._skip(1)
                continue
            total = OVERHEAD_BYTES + length
            if len(buffer) < total:
                if not final:
                    return
                self._skip(1)
                continue
            (crc,) = CRC.unpack_from(buffer, total - CRC.size)
            if crc != zlib.crc32(memoryview(buffer)[len(MAGIC) : total - CRC.size]):
                self.counters.bad_crc += 1
                self._skip(1)
                continue
            payload = bytes(buffer[HEADER.size : HEADER.size + length])
            del buffer[:total]
            yield Packet(kind, seq, payload, flags)


_INFO = struct.Struct("<HHIIHHHH32s8s20s")


@dataclass(frozen=True)
class DeviceInfo:
    """Content of INFO: what the image on the device is.

    Attributes:
        protocol_version: Version of this protocol.
        hop: Samples per frame; the distance of frames where segments are processed.
        sample_rate_hz: Sample rate.
        clock_hz: Processor clock.
        feature_bytes: Size of the network's input tensor, per frame.
        mask_bytes: Size of the mask tensor, per frame.
        phase_bytes: Size of the phase tensor, per frame.
        model_digest: SHA-256 of the .tflite, 64 hexadecimal digits.
        runtime: Name of the runtime, e.g. ``aot``.
        build_id: Hash of the whole image by its linker, 40 hexadecimal digits.
        segment_frames: Frames that are processed at a time; 0 where every hop is a frame.
    """

    protocol_version: int
    hop: int
    sample_rate_hz: int
    clock_hz: int
    feature_bytes: int
    mask_bytes: int
    phase_bytes: int
    model_digest: str
    runtime: str
    build_id: str
    segment_frames: int = 0

    def encode(self) -> bytes:
        """The payload."""
        return _INFO.pack(
            self.protocol_version,
            self.hop,
            self.sample_rate_hz,
            self.clock_hz,
            self.feature_bytes,
            self.mask_bytes,
            self.phase_bytes,
            self.segment_frames,
            bytes.fromhex(self.model_digest),
            self.runtime.encode("ascii"),
            bytes.fromhex(self.build_id),
        )

    @classmethod
    def decode(cls, payload: bytes) -> DeviceInfo:
        """Read the payload.

        Raises:
            ProtocolError: Wrong length, or a runtime name that is not ASCII.
        """
        if len(payload) != _INFO.size:
            raise ProtocolError(
                f"the device's INFO packet has {len(payload)} bytes, expected {_INFO.size}",
                hint="the image speaks another version of the protocol: build and flash it again",
            )
        (
            version,
            hop,
            rate,
            clock,
            features,
            mask,
            phase,
            frames,
            digest,
            runtime,
            build,
        ) = _INFO.unpack(payload)
        name = runtime.rstrip(b"\0")
        if not name.isascii():
            raise ProtocolError("the device's INFO packet has a runtime name that is not ASCII")
        return cls(
            version,
            hop,
            rate,
            clock,
            features,
            mask,
            phase,
            digest.hex(),
            name.decode("ascii"),
            build.hex(),
            frames,
        )


@dataclass(frozen=True)
class Tensors:
    """The network's int8 tensors of one frame, as bytes.

    Attributes:
        features: Input tensor.
        mask: Mask output tensor.
        phase: Phase output tensor.
    """

    features: bytes
    mask: bytes
    phase: bytes


_RESULT = struct.Struct("<II")


@dataclass(frozen=True)
class FrameResult:
    """Content of RESULT: one enhanced frame.

    Attributes:
        network_cycles: Cycle counter difference over the network alone.
        frame_cycles: Cycle counter difference over analysis, network and synthesis.
        pcm: ``hop`` int16 samples, little endian.
        tensors: The network's tensors if they were asked for.
    """

    network_cycles: int
    frame_cycles: int
    pcm: bytes
    tensors: Tensors | None = None

    def encode(self) -> bytes:
        """The payload; FLAG_TENSORS belongs into the flags if ``tensors`` is set."""
        payload = _RESULT.pack(self.network_cycles, self.frame_cycles) + self.pcm
        if self.tensors is not None:
            payload += self.tensors.features + self.tensors.mask + self.tensors.phase
        return payload

    @classmethod
    def decode(cls, payload: bytes, flags: int, info: DeviceInfo) -> FrameResult:
        """Read the payload.

        Args:
            payload: The bytes.
            flags: Flags of the packet.
            info: What the device said about itself: the sizes.

        Raises:
            ProtocolError: Wrong length.
        """
        sizes = [info.hop * 2]
        if flags & FLAG_TENSORS:
            sizes += [info.feature_bytes, info.mask_bytes, info.phase_bytes]
        expected = _RESULT.size + sum(sizes)
        if len(payload) != expected:
            raise ProtocolError(
                f"the device's RESULT packet has {len(payload)} bytes, expected {expected}"
            )
        network_cycles, frame_cycles = _RESULT.unpack_from(payload)
        parts = []
        position = _RESULT.size
        for size in sizes:
            parts.append(payload[position : position + size])
            position += size
        tensors = Tensors(*parts[1:]) if flags & FLAG_TENSORS else None
        return cls(network_cycles, frame_cycles, parts[0], tensors)


class NetworkState(IntEnum):
    """What became of the preparation of the network."""

    NOT_PREPARED = 0
    READY = 1
    WRONG_SCHEMA = 2
    REGISTRATION_FAILED = 3
    ALLOCATION_FAILED = 4
    WRONG_SHAPES = 5
    INVOKE_FAILED = 6


class AudioState(IntEnum):
    """Whether the board has an audio stream of its own."""

    NONE = 0
    RUNNING = 1
    FAILED = 2


_AUDIO = struct.Struct("<IIIII")


@dataclass(frozen=True)
class AudioStatus:
    """How the board's own audio stream fared, from its start until the host took the pipeline.

    Attributes:
        state: Whether there is one.
        recorded: Hops recorded.
        missed: Interrupts that came too late to tell the buffers apart.
        overruns: Hops that were recorded and not processed.
        underruns: Hops whose playing began before they were written.
    """

    state: AudioState = AudioState.NONE
    recorded: int = 0
    missed: int = 0
    overruns: int = 0
    underruns: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing was lost."""
        return not (self.missed or self.overruns or self.underruns)

    def encode(self) -> bytes:
        """This part of the payload of STATE."""
        return _AUDIO.pack(self.state, self.recorded, self.missed, self.overruns, self.underruns)

    @classmethod
    def decode(cls, data: bytes) -> AudioStatus:
        """Read this part of the payload of STATE.

        Raises:
            ProtocolError: An unknown state of the stream.
        """
        state, *counters = _AUDIO.unpack(data)
        if state not in AudioState.__members__.values():
            raise ProtocolError(f"the device's audio stream is in the unknown state {state}")
        return cls(AudioState(state), *counters)

    def to_json(self) -> dict[str, str | int]:
        """Plain data for reports."""
        return {
            "state": self.state.name.lower(),
            "recorded": self.recorded,
            "missed": self.missed,
            "overruns": self.overruns,
            "underruns": self.underruns,
        }


_STATE = struct.Struct("<IIIII")


@dataclass(frozen=True)
class DeviceState:
    """Content of STATE: how the image fares.

    Attributes:
        network: What became of the preparation of the network.
        arena_bytes: Size of the interpreter's arena, 0 where there is no interpreter.
        arena_used_bytes: What the interpreter took of it, 0 unless it prepared the model.
        stack_bytes: Size of the stack.
        stack_peak_bytes: Most of it that was used since the start.
        message: First complaint of the interpreter's library, empty if it made none.
        audio: The board's own audio stream.
    """

    network: NetworkState
    arena_bytes: int
    arena_used_bytes: int
    stack_bytes: int
    stack_peak_bytes: int
    message: str = ""
    audio: AudioStatus = AudioStatus()

    def encode(self) -> bytes:
        """The payload."""
        head = _STATE.pack(
            self.network,
            self.arena_bytes,
            self.arena_used_bytes,
            self.stack_bytes,
            self.stack_peak_bytes,
        )
        return head + self.audio.encode() + self.message.encode("ascii", "replace")

    @classmethod
    def decode(cls, payload: bytes) -> DeviceState:
        """Read the payload.

        Raises:
            ProtocolError: Too short, or an unknown state of the network or the audio stream.
        """
        fixed = _STATE.size + _AUDIO.size
        if len(payload) < fixed:
            raise ProtocolError(
                f"the device's STATE packet has {len(payload)} bytes, expected {fixed}"
            )
        network, arena, arena_used, stack, stack_peak = _STATE.unpack_from(payload)
        if network not in NetworkState.__members__.values():
            raise ProtocolError(f"the device's network is in the unknown state {network}")
        audio = AudioStatus.decode(payload[_STATE.size : fixed])
        message = payload[fixed:].decode("ascii", "replace")
        return cls(NetworkState(network), arena, arena_used, stack, stack_peak, message, audio)


_FAULT = struct.Struct("<BIII")


@dataclass(frozen=True)
class DeviceError:
    """Content of ERROR.

    Attributes:
        code: See :class:`ErrorCode`.
        pc: Program counter of a hard fault.
        cfsr: Configurable fault status register of a hard fault.
        hfsr: Hard fault status register of a hard fault.
    """

    code: int
    pc: int = 0
    cfsr: int = 0
    hfsr: int = 0

    def encode(self) -> bytes:
        """The payload."""
        if self.code == ErrorCode.HARD_FAULT:
            return _FAULT.pack(self.code, self.pc, self.cfsr, self.hfsr)
        return bytes([self.code])

    @classmethod
    def decode(cls, payload: bytes) -> DeviceError:
        """Read the payload.

        Raises:
            ProtocolError: Wrong length.
        """
        if len(payload) == 1 and payload[0] != ErrorCode.HARD_FAULT:
            return cls(payload[0])
        if len(payload) == _FAULT.size and payload[0] == ErrorCode.HARD_FAULT:
            return cls(*_FAULT.unpack(payload))
        raise ProtocolError(f"the device's ERROR packet is not understood: {payload[:16].hex()}")

    def __str__(self) -> str:
        text = ERROR_TEXT.get(self.code, f"error code {self.code}")
        if self.code == ErrorCode.HARD_FAULT:
            text += f" at pc 0x{self.pc:08x} (CFSR 0x{self.cfsr:08x}, HFSR 0x{self.hfsr:08x})"
        return text
