"""The host's side of the conversation with the firmware.

:class:`DeviceLink` turns requests into packets, waits for the answer with the same sequence
number, and sends the request again when the line lost or damaged something. A frame may be sent
again safely: the firmware answers a repeated sequence number with the stored result and does not
advance its state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from targets.errors import TargetError
from targets.protocol import (
    FLAG_TENSORS,
    PROTOCOL_VERSION,
    TRANSMISSION_ERRORS,
    DeviceError,
    DeviceInfo,
    DeviceState,
    ErrorCode,
    FrameResult,
    Packet,
    PacketDecoder,
    PacketType,
    ProtocolError,
)
from targets.transports import ByteTransport

SETTLE_S = 0.02
"""Silence after which an error report or a damaged answer counts as the device's last word."""


class LinkError(TargetError):
    """The conversation with the device failed."""


class LinkTimeoutError(LinkError):
    """No usable answer within all tries."""


class HandshakeError(LinkError):
    """The device runs another image than the one expected."""


class DeviceFaultError(LinkError):
    """The device reported a failure that sending again cannot cure.

    Attributes:
        error: What the device reported.
    """

    def __init__(self, error: DeviceError, description: str) -> None:
        super().__init__(f"the device on {description} reports: {error}")
        self.error = error


@dataclass(frozen=True)
class LinkCounters:
    """What went wrong on the line and was repaired.

    Attributes:
        requests: Requests made.
        retries: Requests sent again.
        timeouts: Waits that ended in silence.
        device_errors: Transmission errors the device reported.
        stale_packets: Valid packets that answered nothing asked.
        skipped_bytes: Bytes outside any valid packet.
        bad_crc: Damaged packets.
    """

    requests: int
    retries: int
    timeouts: int
    device_errors: int
    stale_packets: int
    skipped_bytes: int
    bad_crc: int

    def to_json(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "requests": self.requests,
            "retries": self.retries,
            "timeouts": self.timeouts,
            "device_errors": self.device_errors,
            "stale_packets": self.stale_packets,
            "skipped_bytes": self.skipped_bytes,
            "bad_crc": self.bad_crc,
        }


class DeviceLink:
    """A conversation with the firmware over a byte transport.

    Args:
        transport: Where the bytes go.
        timeout_s: Longest wait for one answer, in seconds on the transport's clock.
        retries: How often a request is sent again before giving up.
        first_sequence: Number of the first request. Where answers to an earlier conversation may
            still be on their way, it must be another one than theirs: a random one.
    """

    def __init__(
        self,
        transport: ByteTransport,
        *,
        timeout_s: float = 3.0,
        retries: int = 5,
        first_sequence: int = 0,
    ) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._retries = retries
        self._decoder = PacketDecoder()
        self._info: DeviceInfo | None = None
        self._seq = first_sequence & 0xFFFF
        self._on_progress: Callable[[bytes], None] | None = None
        self._requests = 0
        self._retried = 0
        self._timeouts = 0
        self._device_errors = 0
        self._stale = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def info(self) -> DeviceInfo:
        """What the device said in :meth:`hello`.

        Raises:
            LinkError: :meth:`hello` was not called.
        """
        if self._info is None:
            raise LinkError("the device was not asked who it is", hint="call hello() first")
        return self._info

    @property
    def counters(self) -> LinkCounters:
        """What went wrong and was repaired so far."""
        return LinkCounters(
            requests=self._requests,
            retries=self._retried,
            timeouts=self._timeouts,
            device_errors=self._device_errors,
            stale_packets=self._stale,
            skipped_bytes=self._decoder.counters.skipped_bytes,
            bad_crc=self._decoder.counters.bad_crc,
        )

    def hello(
        self,
        *,
        expected_digest: str | None = None,
        expected_runtime: str | None = None,
        expected_build_id: str | None = None,
    ) -> DeviceInfo:
        """Ask the device who it is.

        Args:
            expected_digest: SHA-256 of the .tflite the image must hold, 64 hexadecimal digits.
            expected_runtime: Name of the runtime the image must hold.
            expected_build_id: Hash of the whole image that must run, 40 hexadecimal digits.

        Raises:
            HandshakeError: Other protocol version, other model, other runtime, other image.
            LinkTimeoutError: No answer.
            DeviceFaultError: The device reported a failure.
        """
        answer = self._exchange(PacketType.HELLO, b"", 0, PacketType.INFO, "a greeting")
        info = DeviceInfo.decode(answer.payload)
        where = self._transport.description
        if info.protocol_version != PROTOCOL_VERSION:
            raise HandshakeError(
                f"the device on {where} speaks protocol version {info.protocol_version}, "
                f"expected {PROTOCOL_VERSION}",
                hint="build and flash the firmware with this version of imse-mcu",
            )
        if expected_digest is not None and info.model_digest != expected_digest.lower():
            raise HandshakeError(
                f"the device on {where} holds model {info.model_digest[:12]}…, "
                f"expected {expected_digest.lower()[:12]}…",
                hint="flash this build first: imse-mcu flash DIR",
            )
        if expected_runtime is not None and info.runtime != expected_runtime:
            raise HandshakeError(
                f"the device on {where} holds runtime {info.runtime!r}, "
                f"expected {expected_runtime!r}",
                hint="flash this build first: imse-mcu flash DIR",
            )
        if expected_build_id is not None and info.build_id != expected_build_id.lower():
            raise HandshakeError(
                f"the device on {where} runs image {info.build_id[:12]}… with the right model, "
                f"expected image {expected_build_id.lower()[:12]}…",
                hint="flash this build first: imse-mcu flash DIR",
            )
        if info.hop == 0 or info.sample_rate_hz == 0:
            raise HandshakeError(f"the device on {where} states no frame size or sample rate")
        self._info = info
        return info

    def reset(self) -> None:
        """Bring front end and network back to their initial state.

        Raises:
            LinkTimeoutError: No answer.
            DeviceFaultError: The device reported a failure.
        """
        self._exchange(PacketType.RESET, b"", 0, PacketType.RESET_DONE, "a reset")

    def state(self) -> DeviceState:
        """Ask how the image fares: the network's preparation, arena and stack in use.

        Raises:
            LinkTimeoutError: No answer.
            DeviceFaultError: The device reported a failure.
        """
        answer = self._exchange(PacketType.STATUS, b"", 0, PacketType.STATE, "a status request")
        return DeviceState.decode(answer.payload)

    def process(self, pcm: bytes, *, tensors: bool = False) -> FrameResult:
        """Send one frame and return the enhanced one.

        Args:
            pcm: ``hop`` int16 samples, little endian.
            tensors: Also return the network's tensors of this frame.

        Raises:
            LinkError: ``pcm`` has the wrong length, or :meth:`hello` was not called.
            LinkTimeoutError: No answer.
            DeviceFaultError: The device reported a failure.
        """
        info = self.info
        if len(pcm) != info.hop * 2:
            raise LinkError(
                f"a frame has {info.hop * 2} bytes ({info.hop} samples), got {len(pcm)}"
            )
        flags = FLAG_TENSORS if tensors else 0
        answer = self._exchange(PacketType.FRAME, pcm, flags, PacketType.RESULT, "a frame")
        if (answer.flags & FLAG_TENSORS) != flags:
            raise ProtocolError("the device's RESULT packet does not hold what was asked for")
        return FrameResult.decode(answer.payload, answer.flags, info)

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()

    def request(
        self,
        kind: PacketType,
        payload: bytes,
        expected: PacketType,
        what: str,
        *,
        on_progress: Callable[[bytes], None] | None = None,
    ) -> bytes:
        """Send a request and return the payload of its answer.

        Args:
            kind: Type of the request; sending it twice must do no harm.
            payload: Its content.
            expected: Type of the answer.
            what: Names the request in errors, such as ``a frame``.
            on_progress: Called with the payload of every PROGRESS packet that comes before the
                answer; each of them starts the time allowed for an answer anew.

        Raises:
            LinkTimeoutError: No answer.
            DeviceFaultError: The device reported a failure.
        """
        self._on_progress = on_progress
        try:
            return self._exchange(kind, payload, 0, expected, what).payload
        finally:
            self._on_progress = None

    def _exchange(
        self, kind: PacketType, payload: bytes, flags: int, expected: PacketType, what: str
    ) -> Packet:
        seq = self._seq
        self._seq = (self._seq + 1) & 0xFFFF
        request = Packet(kind, seq, payload, flags).encode()
        self._requests += 1
        for attempt in range(self._retries + 1):
            if attempt:
                self._retried += 1
            self._transport.write(request)
            answer = self._await(seq, expected)
            if answer is not None:
                return answer
        raise LinkTimeoutError(
            f"no answer to {what} from {self._transport.description} "
            f"after {self._retries + 1} tries of {self._timeout_s:g} s",
            hint="check that the board is powered, flashed and not held in reset, and the port",
        )

    def _await(self, seq: int, expected: PacketType) -> Packet | None:
        """Wait for the answer; ``None`` means: send again."""
        deadline = self._transport.now() + self._timeout_s
        hopeless = False  # whether the device or the CRC has said that this try failed
        damaged = self._decoder.counters.bad_crc
        while True:
            remaining = deadline - self._transport.now()
            data = self._transport.read(remaining) if remaining > 0 else b""
            packets = self._decoder.feed(data) if data else self._decoder.flush()
            if self._decoder.counters.bad_crc > damaged and not hopeless:
                hopeless = True
                deadline = min(deadline, self._transport.now() + SETTLE_S)
            for packet in packets:
                if packet.seq == seq and packet.type == expected:
                    return packet
                if packet.seq == seq and packet.type == PacketType.PROGRESS:
                    deadline = self._transport.now() + self._timeout_s
                    if self._on_progress is not None:
                        self._on_progress(packet.payload)
                    continue
                if packet.type == PacketType.ERROR:
                    if self._is_transmission_error(packet, seq) and not hopeless:
                        hopeless = True
                        deadline = min(deadline, self._transport.now() + SETTLE_S)
                else:
                    self._stale += 1
            if not data:
                if not hopeless:
                    self._timeouts += 1
                return None

    def _is_transmission_error(self, packet: Packet, seq: int) -> bool:
        error = DeviceError.decode(packet.payload)
        if error.code in TRANSMISSION_ERRORS:
            self._device_errors += 1
            return True
        if error.code == ErrorCode.HARD_FAULT or packet.seq == seq:
            raise DeviceFaultError(error, self._transport.description)
        self._stale += 1
        return False
