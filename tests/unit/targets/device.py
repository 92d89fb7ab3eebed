"""A device made of Python, and a line that damages what passes over it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from targets.protocol import (
    FLAG_TENSORS,
    AudioState,
    AudioStatus,
    DeviceError,
    DeviceInfo,
    DeviceState,
    ErrorCode,
    FrameResult,
    NetworkState,
    Packet,
    PacketDecoder,
    PacketType,
    Tensors,
)

HOP = 8
DIGEST = "0123456789abcdef" * 4
BUILD_ID = "fedcba98" * 5
INFO = DeviceInfo(3, HOP, 16000, 1_000_000, 6, 3, 2, DIGEST, "aot", BUILD_ID)
STATE = DeviceState(
    NetworkState.READY,
    2048,
    1234,
    8192,
    340,
    "a complaint",
    AudioStatus(AudioState.RUNNING, 900, 1, 2, 3),
)


def answer_to(pcm: bytes, state: int) -> bytes:
    """The frame a device in the given state makes of ``pcm``: depends on every byte."""
    return bytes((byte * 7 + state * 13 + index) & 0xFF for index, byte in enumerate(pcm))


@dataclass
class FakeDevice:
    """Answers like the firmware: stored results, errors for damage, time-out inside a packet."""

    info: DeviceInfo = INFO
    state: int = 0
    fail_with: DeviceError | None = None
    stored: tuple[int, FrameResult] | None = None
    decoder: PacketDecoder = field(default_factory=lambda: PacketDecoder(max_payload=2 * HOP))

    def receive(self, data: bytes) -> bytes:
        bad = self.decoder.counters.bad_crc + self.decoder.counters.bad_length
        packets = self.decoder.feed(data)
        out = b"".join(self.answer(packet) for packet in packets)
        if self.decoder.counters.bad_crc + self.decoder.counters.bad_length > bad:
            out += Packet(PacketType.ERROR, 0, DeviceError(ErrorCode.BAD_CRC).encode()).encode()
        return out

    def silence(self) -> bytes:
        if not self.decoder.pending_bytes:
            return b""
        packets = self.decoder.flush()
        error = Packet(PacketType.ERROR, 0, DeviceError(ErrorCode.RECEIVE).encode()).encode()
        return error + b"".join(self.answer(packet) for packet in packets)

    def answer(self, packet: Packet) -> bytes:
        if self.fail_with is not None:
            return Packet(PacketType.ERROR, packet.seq, self.fail_with.encode()).encode()
        if packet.type == PacketType.HELLO:
            return Packet(PacketType.INFO, packet.seq, self.info.encode()).encode()
        if packet.type == PacketType.STATUS:
            return Packet(PacketType.STATE, packet.seq, STATE.encode()).encode()
        if packet.type == PacketType.RESET:
            self.state, self.stored = 0, None
            return Packet(PacketType.RESET_DONE, packet.seq).encode()
        if packet.type == PacketType.FRAME and len(packet.payload) == 2 * HOP:
            if self.stored is None or self.stored[0] != packet.seq:
                tensors = Tensors(b"featur", b"msk", bytes([self.state & 0xFF, 2]))
                pcm = answer_to(packet.payload, self.state)
                self.stored = packet.seq, FrameResult(100 + self.state, 200, pcm, tensors)
                self.state += 1
            result = self.stored[1]
            if not packet.flags & FLAG_TENSORS:
                result = FrameResult(result.network_cycles, result.frame_cycles, result.pcm)
            flags = packet.flags & FLAG_TENSORS
            return Packet(PacketType.RESULT, packet.seq, result.encode(), flags).encode()
        return Packet(
            PacketType.ERROR, packet.seq, DeviceError(ErrorCode.BAD_TYPE).encode()
        ).encode()


class SimulatedLine:
    """A byte transport to a fake device, on a clock of its own.

    Args:
        device: The device.
        damage: Changes bytes on their way, in both directions.
        delay: Seconds until an answer arrives.
    """

    def __init__(
        self,
        device: FakeDevice,
        damage: Callable[[bytes], bytes] = lambda data: data,
        delay: Callable[[], float] = lambda: 0.001,
    ) -> None:
        self.device = device
        self.closed = False
        self._damage = damage
        self._delay = delay
        self._time = 0.0
        self._last_byte = 0.0
        self._arrivals: list[tuple[float, bytes]] = []

    @property
    def description(self) -> str:
        return "a simulated line"

    def write(self, data: bytes) -> None:
        self._last_byte = self._time
        self._answer(self.device.receive(self._damage(data)))

    def _answer(self, data: bytes) -> None:
        if data:
            # A line never reorders: what is sent later arrives later.
            earliest = self._arrivals[-1][0] if self._arrivals else 0.0
            when = max(earliest, self._time + self._delay())
            self._arrivals.append((when, self._damage(data)))

    def read(self, timeout_s: float) -> bytes:
        deadline = self._time + max(timeout_s, 0.0)
        device_gives_up = self._last_byte + 0.1
        if self._time < device_gives_up <= deadline:
            self._answer(self.device.silence())
        if self._arrivals and self._arrivals[0][0] <= deadline:
            when, data = self._arrivals.pop(0)
            self._time = max(self._time, when)
            return data
        self._time = deadline
        return b""

    def now(self) -> float:
        return self._time

    def close(self) -> None:
        self.closed = True


def noisy(seed: int, rate: float) -> Callable[[bytes], bytes]:
    """Damage each byte with probability ``rate``: lost, changed or doubled."""
    generator = random.Random(seed)

    def damage(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if generator.random() >= rate:
                out.append(byte)
                continue
            kind = generator.randrange(3)
            if kind == 1:
                out.append(byte ^ generator.randrange(1, 256))
            elif kind == 2:
                out += bytes([byte, byte])
        return bytes(out)

    return damage
