"""Segments through the compiled service and the host's link, byte by byte."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path

import numpy as np
import pytest
from reference_frontend import CSRC
from segment_build import (
    DIGEST,
    FEATURES,
    FRAMES,
    MASK,
    PHASE,
    SAMPLES,
    compile_library,
    config_header,
    noise,
)

from keras_imse import device_segment as twin
from targets.link import DeviceFaultError, DeviceLink, LinkError
from targets.protocol import ErrorCode, Packet, PacketDecoder, PacketType
from targets.segments import process_segment

HOST_DEVICE = Path(__file__).parents[1] / "protocol" / "host_device.c"
NETWORK = """
#include "imse_model_config.h"
#include "imse_network.h"
#include "imse_network_progress.h"
#include "imse_platform.h"

const char imse_network_runtime[] = "fake";
static int32_t runs;
void host_wait(uint32_t cycles);
int32_t host_runs(void);
int32_t host_runs(void) { return runs; }
void imse_network_reset(void) { runs = 0; }

int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {
    ++runs;
    for (uint32_t layer = 1; layer <= 8; ++layer) {
        host_wait(1500000000u); /* more than the 32-bit counter holds, in all */
        imse_network_progress(layer, 8);
    }
    for (int32_t i = 0; i < IMSE_MASK_BYTES; ++i) {
        mask[i] = (int8_t)(features[2 * i] / 2);
        phase[2 * i] = features[2 * i + 1];
        phase[2 * i + 1] = (int8_t)(features[2 * i] ^ 3);
    }
    return features[0] == 127;
}
"""


class Wire:
    """A byte transport whose other end is the compiled service."""

    description = "host library"

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.clock_s = 0.0
        self.lose_answer = 0
        self._buffer = ctypes.create_string_buffer(1 << 20)
        self._answer = b""
        library.host_take(self._buffer)
        library.imse_service_init()

    def write(self, data: bytes) -> None:
        self.library.host_feed(data, len(data), 0xFFFFFFFF)
        self.library.imse_service_poll()
        self._answer += ctypes.string_at(self._buffer, self.library.host_take(self._buffer))
        if self.lose_answer:
            self.lose_answer -= 1
            self._answer = b""

    def read(self, timeout_s: float) -> bytes:
        answer, self._answer = self._answer, b""
        if not answer:
            self.clock_s += timeout_s
        return answer

    def now(self) -> float:
        return self.clock_s

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("service")
    (folder / "network.c").write_text(NETWORK)
    sources = [*(CSRC / "segment").glob("*.c"), CSRC / "app" / "imse_service.c"]
    sources += [CSRC / "protocol" / "imse_protocol.c", folder / "network.c", HOST_DEVICE]
    return compile_library(folder, sources, config_header())


@pytest.fixture
def wire(library: ctypes.CDLL) -> Wire:
    return Wire(library)


@pytest.fixture
def link(wire: Wire) -> DeviceLink:
    link = DeviceLink(wire)
    link.hello(expected_digest=DIGEST)
    link.reset()
    return link


def _expected(pcm: np.ndarray, gain: np.float32) -> tuple[np.ndarray, np.ndarray]:
    spectrum = twin.spectrum_of(pcm, gain)
    features = twin.features_of(spectrum, 0.3, FEATURES)
    mask = np.trunc(features[..., 0] / 2).astype(np.int8)
    phase = np.stack([features[..., 1], features[..., 0] ^ 3], axis=-1)
    return features, twin.samples_of(spectrum, gain, mask, phase, (MASK, PHASE), 0.3)


def test_greeting_states_the_segment(link: DeviceLink) -> None:
    info = link.info
    assert (info.segment_frames, info.hop, info.runtime) == (FRAMES, 100, "fake")
    assert (info.feature_bytes, info.mask_bytes, info.phase_bytes) == (512, 256, 512)


def test_segment_comes_back_as_the_twin_says(link: DeviceLink) -> None:
    pcm, gain = noise(7), np.float32(9.25)
    seen: list[tuple[int, int]] = []
    result = process_segment(
        link,
        pcm.astype("<i2").tobytes(),
        float(gain),
        tensors=True,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    features, samples = _expected(pcm, gain)
    assert result.tensors is not None
    assert result.tensors.features == features.tobytes()
    assert result.pcm == samples.astype("<i2").tobytes()
    assert seen == [(layer, 8) for layer in range(1, 9)]
    assert 12_000_000_000 < result.network_cycles < result.segment_cycles < 12_001_000_000


def test_device_measures_the_gain_itself(link: DeviceLink) -> None:
    pcm = noise(8)
    result = process_segment(link, pcm.astype("<i2").tobytes(), 0.0)
    assert result.pcm == _expected(pcm, twin.gain(pcm))[1].astype("<i2").tobytes()


def test_silence_stays_silence_and_costs_nothing(link: DeviceLink, library: ctypes.CDLL) -> None:
    result = process_segment(link, bytes(2 * SAMPLES), 0.0)
    assert result.pcm == bytes(2 * SAMPLES)
    assert result.network_cycles == 0
    assert library.host_runs() == 0


def test_lost_answers_are_asked_for_again_without_a_second_run(
    wire: Wire, link: DeviceLink, library: ctypes.CDLL
) -> None:
    pcm = noise(9).astype("<i2").tobytes()
    whole = process_segment(link, pcm, 5.0)
    before = library.host_runs()
    wire.lose_answer = 2
    assert process_segment(link, pcm, 5.0).pcm == whole.pcm
    payload = struct.pack("<f", 5.0)
    for _ in range(3):
        wire.write(Packet(PacketType.RUN, 900, payload).encode())
        last = PacketDecoder().feed(wire.read(0))[-1]
        assert last.type == PacketType.RUN_DONE
    assert library.host_runs() == before + 2


def test_failed_network_is_an_error(link: DeviceLink) -> None:
    pcm = np.full(SAMPLES, 20000, np.int16)
    with pytest.raises(DeviceFaultError, match="the network failed"):
        process_segment(link, pcm.tobytes(), 1.0e6)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (PacketType.WRITE, b""),
        (PacketType.WRITE, struct.pack("<I", 0)),
        (PacketType.WRITE, struct.pack("<I", 2 * SAMPLES - 1) + b"ab"),
        (PacketType.WRITE, struct.pack("<I", 0xFFFFFFFF) + b"ab"),
        (PacketType.RUN, b"abc"),
        (PacketType.READ, struct.pack("<BIH", 4, 0, 1)),
        (PacketType.READ, struct.pack("<BIH", 0, 2 * SAMPLES - 3, 4)),
        (PacketType.READ, struct.pack("<BIH", 1, 0xFFFFFFFF, 4)),
        (PacketType.READ, b"\0"),
    ],
)
def test_requests_outside_the_segment_are_refused(
    wire: Wire, kind: PacketType, payload: bytes
) -> None:
    wire.write(Packet(kind, 3, payload).encode())
    (answer,) = PacketDecoder().feed(wire.read(0))
    assert (answer.type, answer.payload) == (PacketType.ERROR, bytes([ErrorCode.BAD_LENGTH]))


@pytest.mark.parametrize(
    "gain", [float("nan"), float("inf"), float("-inf"), -1.0, 1e-30, 0.49, 1.1e9, 3e38]
)
def test_gains_that_no_recording_has_are_refused(wire: Wire, gain: float) -> None:
    """They would be undefined behaviour in the front end, which the library is checked for."""
    wire.write(Packet(PacketType.RUN, 5, struct.pack("<f", gain)).encode())
    (answer,) = PacketDecoder().feed(wire.read(0))
    assert (answer.type, answer.payload) == (PacketType.ERROR, bytes([ErrorCode.BAD_VALUE]))
    assert wire.library.host_runs() == 0


@pytest.mark.parametrize("gain", [0.5, 2.0**30])
def test_the_last_gains_that_are_taken(wire: Wire, gain: float) -> None:
    samples = noise(3).astype("<i2").tobytes()
    for at in range(0, len(samples), 512):
        payload = struct.pack("<I", at) + samples[at : at + 512]
        wire.write(Packet(PacketType.WRITE, at & 0xFFFF, payload).encode())
    wire.read(0)
    wire.write(Packet(PacketType.RUN, 6, struct.pack("<f", gain)).encode())
    answers = PacketDecoder().feed(wire.read(0))
    assert answers[-1].type in (PacketType.RUN_DONE, PacketType.ERROR)
    assert answers[-1].payload != bytes([ErrorCode.BAD_VALUE])


def test_a_watchdog_is_fed_while_the_network_works(wire: Wire, link: DeviceLink) -> None:
    before = wire.library.host_feeds()
    process_segment(link, noise(7).tobytes(), 9.25)
    assert wire.library.host_feeds() - before == 8


@pytest.mark.parametrize("size", [0, 200])
def test_frames_are_not_taken(wire: Wire, size: int) -> None:
    wire.write(Packet(PacketType.FRAME, 4, bytes(size)).encode())
    (answer,) = PacketDecoder().feed(wire.read(0))
    assert (answer.type, answer.payload) == (PacketType.ERROR, bytes([ErrorCode.BAD_TYPE]))


def test_wrong_length_is_said_before_anything_is_sent(link: DeviceLink) -> None:
    with pytest.raises(LinkError, match=r"4600 bytes \(2300 samples\), got 10"):
        process_segment(link, bytes(10), 1.0)
