"""The firmware's protocol and service, compiled for the host, against the host's own codec."""

from __future__ import annotations

import ctypes
import itertools
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import fake_network
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_frontend import CSRC, FLOAT_FLAGS, HOP, WARNINGS, Frontend, config_header

from targets.protocol import (
    AudioState,
    AudioStatus,
    DeviceState,
    ErrorCode,
    NetworkState,
    Packet,
    PacketDecoder,
    PacketType,
)

HERE = Path(__file__).parent
DIGEST = "".join(f"{value:02x}" for value in range(0, 256, 8))
TIMEOUT_CYCLES = 100_000  # 100 ms of the host platform's 1 MHz clock
NO_OVERRUN = 0xFFFFFFFF


class Device:
    """The compiled service and a decoder for what it sends."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._buffer = ctypes.create_string_buffer(1 << 20)
        library.host_take(self._buffer)
        library.imse_service_init()

    def raw(self, data: bytes, overrun_after: int = NO_OVERRUN) -> bytes:
        self._library.host_feed(data, len(data), overrun_after)
        self._library.imse_service_poll()
        return self._taken()

    def send(self, data: bytes, overrun_after: int = NO_OVERRUN) -> list[Packet]:
        return self._decode(self.raw(data, overrun_after))

    def ask(self, kind: int, seq: int, payload: bytes = b"", flags: int = 0) -> Packet:
        (answer,) = self.send(Packet(kind, seq, payload, flags).encode())
        return answer

    def wait(self, cycles: int = TIMEOUT_CYCLES + 100) -> list[Packet]:
        self._library.host_wait(cycles)
        return self.send(b"")

    @property
    def stops(self) -> int:
        return int(self._library.host_stops())

    def fault(self, data: bytes) -> list[Packet]:
        self._library.host_feed(data, len(data), NO_OVERRUN)
        assert self._library.host_fault(0x08001234, 0x0100, 0x40000000) == 1
        return self._decode(self._taken())

    def _taken(self) -> bytes:
        size = self._library.host_take(self._buffer)
        return ctypes.string_at(self._buffer, size)

    @staticmethod
    def _decode(data: bytes) -> list[Packet]:
        decoder = PacketDecoder()
        packets = decoder.feed(data)
        assert decoder.pending_bytes == 0
        assert decoder.counters.skipped_bytes == 0
        return packets


@pytest.fixture(scope="session")
def device_library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("service")
    (folder / "imse_model_config.h").write_text(config_header(DIGEST))
    (folder / "network.c").write_text(fake_network.SOURCE)
    sources = [
        CSRC / "app/imse_service.c",
        CSRC / "app/imse_pipeline.c",
        CSRC / "protocol/imse_protocol.c",
        CSRC / "frontend/imse_frontend.c",
        folder / "network.c",
        HERE / "host_device.c",
    ]
    includes = [folder, *(CSRC / n for n in ("app", "protocol", "frontend", "network", "platform"))]
    library = folder / "libservice.so"
    subprocess.run(
        ["gcc", "-O1", "-shared", "-fPIC", "-fsanitize=undefined", "-fno-sanitize-recover",
         *WARNINGS, *FLOAT_FLAGS, *(f"-I{i}" for i in includes), *map(str, sources),
         "-o", str(library)],
        check=True,
    )  # fmt: skip
    return ctypes.CDLL(str(library))


@pytest.fixture
def device(device_library: ctypes.CDLL) -> Device:
    return Device(device_library)


def pcm(seed: int) -> bytes:
    return (
        np.random.default_rng(seed).normal(0, 2000, HOP).clip(-32768, 32767).astype("<i2").tobytes()
    )


def error_code(packet: Packet) -> int:
    assert packet.type == PacketType.ERROR
    return packet.payload[0]


@given(st.binary(max_size=300))
def test_crc_is_zlibs(device_library: ctypes.CDLL, data: bytes) -> None:
    device_library.imse_crc32.restype = ctypes.c_uint32
    device_library.imse_crc32.argtypes = [ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t]
    assert device_library.imse_crc32(0, data, len(data)) == zlib.crc32(data)


def test_hello_tells_what_the_image_is(device: Device) -> None:
    answer = device.ask(PacketType.HELLO, 0xBEEF)
    assert (answer.type, answer.seq, answer.flags) == (PacketType.INFO, 0xBEEF, 0)
    fields = struct.unpack("<HHIIHHHH32s8s20s", answer.payload)
    assert fields[:8] == (3, 256, 16000, 1_000_000, 768, 256, 512, 0)
    assert fields[8].hex() == DIGEST
    assert fields[9] == b"fake\0\0\0\0"
    assert fields[10] == bytes([0x12, 0x34, 0x56]) + bytes(17)


def test_status_tells_of_stack_and_network(device: Device) -> None:
    answer = device.ask(PacketType.STATUS, 7)
    assert answer.type == PacketType.STATE
    state = DeviceState.decode(answer.payload)
    assert state == DeviceState(NetworkState.READY, 0, 0, 8192, 340, audio=state.audio)


@pytest.mark.parametrize("request_", [PacketType.RESET, PacketType.FRAME])
def test_counts_of_the_audio_stream_stand_still_once_the_host_takes_the_pipeline(
    device: Device, device_library: ctypes.CDLL, request_: PacketType
) -> None:
    def told() -> AudioStatus:
        return DeviceState.decode(device.ask(PacketType.STATUS, 7).payload).audio

    device_library.host_audio(10, 0, 0, 0)
    assert told() == AudioStatus(AudioState.RUNNING, 10, 0, 0, 0)
    device.ask(PacketType.HELLO, 8)
    device_library.host_audio(20, 1, 2, 3)
    assert told() == AudioStatus(AudioState.RUNNING, 20, 1, 2, 3)
    device.ask(request_, 9, pcm(0) if request_ == PacketType.FRAME else b"")
    device_library.host_audio(30, 4, 5, 6)
    device.ask(PacketType.FRAME, 10, pcm(0))
    assert told() == AudioStatus(AudioState.RUNNING, 20, 1, 2, 3)


def test_frames_give_the_pipelines_output(device: Device, frontend: Frontend) -> None:
    network = fake_network.FakeNetwork()
    assert device.ask(PacketType.RESET, 1).type == PacketType.RESET_DONE
    for seq in range(2, 12):
        hop = pcm(seq)
        answer = device.ask(PacketType.FRAME, seq, hop, flags=1)
        features = frontend.analyze(np.frombuffer(hop, np.int16))
        mask, phase = network.invoke(features)
        out = frontend.synthesize(mask, phase)
        assert (answer.type, answer.seq, answer.flags) == (PacketType.RESULT, seq, 1)
        network_cycles, frame_cycles = struct.unpack_from("<II", answer.payload)
        assert 0 < network_cycles < frame_cycles
        tensors = features.tobytes() + mask.tobytes() + phase.tobytes()
        assert answer.payload[8:] == out.tobytes() + tensors


def test_repeated_frame_is_answered_again_without_advancing(device: Device) -> None:
    device.ask(PacketType.RESET, 1)
    first = device.ask(PacketType.FRAME, 2, pcm(0), flags=1)
    again = device.ask(PacketType.FRAME, 2, pcm(0), flags=1)
    assert again == first
    short = device.ask(PacketType.FRAME, 2, pcm(0))
    assert short.flags == 0
    assert short.payload == first.payload[: 8 + 2 * HOP]
    after_repeat = device.ask(PacketType.FRAME, 3, pcm(1), flags=1)

    device.ask(PacketType.RESET, 9)
    device.ask(PacketType.FRAME, 2, pcm(0))
    straight = device.ask(PacketType.FRAME, 3, pcm(1), flags=1)
    assert straight.payload[8:] == after_repeat.payload[8:]


def test_reset_starts_over_even_with_the_same_number(device: Device) -> None:
    device.ask(PacketType.RESET, 1)
    first = device.ask(PacketType.FRAME, 2, pcm(0), flags=1)
    device.ask(PacketType.FRAME, 3, pcm(1))
    device.ask(PacketType.RESET, 4)
    again = device.ask(PacketType.FRAME, 3, pcm(0), flags=1)
    assert again.payload[8:] == first.payload[8:]


def test_damaged_packet_is_reported_and_the_next_one_answered(device: Device) -> None:
    damaged = bytearray(Packet(PacketType.FRAME, 5, pcm(0)).encode())
    damaged[100] ^= 0x10
    answers = device.send(bytes(damaged) + Packet(PacketType.HELLO, 6).encode())
    assert error_code(answers[0]) == ErrorCode.BAD_CRC
    assert answers[0].seq == 5
    assert (answers[-1].type, answers[-1].seq) == (PacketType.INFO, 6)


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (Packet(0x05, 7), ErrorCode.BAD_TYPE),
        (Packet(0x83, 7, bytes(20)), ErrorCode.BAD_TYPE),
        (Packet(PacketType.FRAME, 7, bytes(510)), ErrorCode.BAD_LENGTH),
        (Packet(PacketType.FRAME, 7), ErrorCode.BAD_LENGTH),
        (Packet(PacketType.HELLO, 7, b"x"), ErrorCode.BAD_LENGTH),
        (Packet(PacketType.FRAME, 7, bytes(514)), ErrorCode.BAD_LENGTH),
    ],
)
def test_wrong_requests(device: Device, packet: Packet, code: int) -> None:
    answers = device.send(packet.encode())
    assert [error_code(answer) for answer in answers] == [code]
    assert answers[0].seq == 7
    assert device.ask(PacketType.HELLO, 8).type == PacketType.INFO


def test_noise_before_a_packet_is_skipped_silently(device: Device) -> None:
    noise = b"IIxxM" + bytes(range(70, 73)) + b"I"
    (answer,) = device.send(noise + Packet(PacketType.HELLO, 3).encode())
    assert (answer.type, answer.seq) == (PacketType.INFO, 3)


def test_lost_byte_times_out_and_the_repeat_succeeds(device: Device) -> None:
    device.ask(PacketType.RESET, 1)
    data = Packet(PacketType.FRAME, 2, pcm(0)).encode()
    assert device.send(data[:50] + data[51:]) == []
    assert device.wait(TIMEOUT_CYCLES // 2) == []
    answers = device.wait()
    assert [error_code(answer) for answer in answers] == [ErrorCode.RECEIVE]
    assert answers[0].seq == 2
    assert device.wait() == []
    assert device.ask(PacketType.FRAME, 2, pcm(0)).type == PacketType.RESULT


def test_packet_swallowed_by_a_damaged_length_is_found_at_the_time_out(device: Device) -> None:
    swallower = b"IM" + struct.pack("<BBHH", PacketType.FRAME, 0, 1, 512)
    assert device.send(swallower + Packet(PacketType.HELLO, 2).encode()) == []
    answers = device.wait()
    assert [(a.type, a.seq) for a in answers] == [(PacketType.ERROR, 1), (PacketType.INFO, 2)]


def test_overrun_is_reported(device: Device) -> None:
    data = Packet(PacketType.FRAME, 2, pcm(0)).encode()
    answers = device.send(data[:300], overrun_after=200)
    assert error_code(answers[0]) == ErrorCode.RECEIVE
    assert device.ask(PacketType.HELLO, 3).type == PacketType.INFO


def test_network_failure_is_reported_and_reset_recovers(device: Device) -> None:
    device.ask(PacketType.RESET, 1)
    for seq in range(2, 52):
        assert device.ask(PacketType.FRAME, seq, bytes(2 * HOP)).type == PacketType.RESULT
    tone = 30000 * np.cos(2 * np.pi * 33 * np.arange(HOP) / 512)
    answer = device.ask(PacketType.FRAME, 52, tone.astype("<i2").tobytes())
    assert error_code(answer) == ErrorCode.NETWORK_FAILED
    device.ask(PacketType.RESET, 53)
    assert device.ask(PacketType.FRAME, 54, pcm(0)).type == PacketType.RESULT


def test_fault_is_reported_to_every_request_until_reset(device: Device) -> None:
    device.ask(PacketType.FRAME, 41, pcm(0))
    requests = Packet(PacketType.FRAME, 42, pcm(1)).encode() + Packet(PacketType.HELLO, 43).encode()
    before = device.stops
    answers = device.fault(requests + Packet(PacketType.RESET, 44).encode())
    assert device.stops == before + 1, "the audio stream plays on after a fault"
    assert [a.seq for a in answers] == [41, 42, 43]
    for answer in answers:
        assert answer.type == PacketType.ERROR
        assert struct.unpack("<BIII", answer.payload) == (6, 0x08001234, 0x0100, 0x40000000)


def chunks(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    for first, last in itertools.pairwise(edges):
        yield data[first:last]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    noise=st.binary(max_size=80),
    damage=st.lists(st.tuples(st.integers(0, 523), st.integers(1, 255)), max_size=3),
    drop=st.one_of(st.none(), st.integers(0, 523)),
    cuts=st.lists(st.integers(0, 4000), max_size=6),
)
def test_a_good_request_is_always_answered_in_the_end(
    device: Device,
    noise: bytes,
    damage: list[tuple[int, int]],
    drop: int | None,
    cuts: list[int],
) -> None:
    bad = bytearray(Packet(PacketType.FRAME, 11, pcm(3)).encode())
    for position, flip in damage:
        bad[position] ^= flip
    if drop is not None:
        del bad[drop]
    data = noise + bytes(bad) + Packet(PacketType.HELLO, 12).encode()
    answers: list[Packet] = []
    for chunk in chunks(data, cuts):
        answers += device.send(chunk)
    for _ in range(3):
        answers += device.wait()
    assert any(a.type == PacketType.INFO and a.seq == 12 for a in answers)
    assert device.wait() == []
    results = [a for a in answers if a.type == PacketType.RESULT]
    if damage == [] and drop is None and noise == b"":
        assert len(results) == 1
    assert device.ask(PacketType.HELLO, 13).type == PacketType.INFO
