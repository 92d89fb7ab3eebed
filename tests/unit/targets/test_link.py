from __future__ import annotations

import importlib.util
import itertools
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from targets.link import (
    DeviceFaultError,
    DeviceLink,
    HandshakeError,
    LinkError,
    LinkTimeoutError,
)
from targets.protocol import DeviceError, DeviceInfo, ErrorCode, Packet, PacketType


def _load_device() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "fake_device", Path(__file__).parent / "device.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


device = _load_device()
FRAME = bytes(range(2 * device.HOP))


def frames(count: int) -> list[bytes]:
    generator = random.Random(count)
    return [generator.randbytes(2 * device.HOP) for _ in range(count)]


def test_a_clean_conversation() -> None:
    line = device.SimulatedLine(device.FakeDevice())
    with DeviceLink(line) as link:
        assert (
            link.hello(expected_digest=device.DIGEST.upper(), expected_runtime="aot") == device.INFO
        )
        assert link.info.hop == device.HOP
        link.reset()
        for index, frame in enumerate(frames(20)):
            result = link.process(frame, tensors=index % 2 == 1)
            assert result.pcm == device.answer_to(frame, index)
            assert result.network_cycles == 100 + index
            assert (result.tensors is not None) == (index % 2 == 1)
        assert link.state() == device.STATE
        counters = link.counters
    assert line.closed
    assert counters.requests == 23
    assert counters.to_json() == {
        "requests": 23,
        "retries": 0,
        "timeouts": 0,
        "device_errors": 0,
        "stale_packets": 0,
        "skipped_bytes": 0,
        "bad_crc": 0,
    }


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    rate=st.sampled_from([0.0, 0.001, 0.005, 0.02, 0.1, 0.5]),
    slow=st.booleans(),
)
def test_a_bad_line_never_hangs_and_never_gives_a_wrong_frame(
    seed: int, rate: float, slow: bool
) -> None:
    generator = random.Random(seed)
    line = device.SimulatedLine(
        device.FakeDevice(),
        damage=device.noisy(seed, rate),
        delay=lambda: generator.choice([0.001, 0.05, 0.4, 1.5]) if slow else 0.001,
    )
    link = DeviceLink(line, timeout_s=0.5, retries=4)
    start = line.now()
    requests = 0
    try:
        requests += 1
        assert link.hello() == device.INFO
        requests += 1
        link.reset()
        for index, frame in enumerate(frames(12)):
            requests += 1
            result = link.process(frame)
            assert result.pcm == device.answer_to(frame, index)
            assert result.network_cycles == 100 + index
    except LinkTimeoutError:
        assert rate > 0 or slow
    assert line.now() - start <= requests * 5 * 0.5 + 1e-6


def test_a_lost_answer_is_asked_for_again_without_advancing_the_state() -> None:
    lost = iter([False, False, True, False, False, False])
    line = device.SimulatedLine(device.FakeDevice())
    original = line._answer
    line._answer = lambda data: None if data and next(lost) else original(data)
    link = DeviceLink(line, timeout_s=0.5)
    link.hello()
    link.reset()
    first, second = frames(2)
    assert link.process(first).pcm == device.answer_to(first, 0)
    assert link.process(second).pcm == device.answer_to(second, 1)
    assert line.device.state == 2
    assert link.counters.retries == 1
    assert link.counters.timeouts == 1


def test_a_late_answer_is_not_taken_for_the_next() -> None:
    delays = iter([0.001, 0.001, 0.6, 0.001, 0.001, 0.001])
    line = device.SimulatedLine(device.FakeDevice(), delay=lambda: next(delays))
    link = DeviceLink(line, timeout_s=0.5)
    link.hello()
    link.reset()
    for index, frame in enumerate(frames(3)):
        assert link.process(frame).pcm == device.answer_to(frame, index)
    assert link.counters.stale_packets == 1


def test_an_error_report_is_answered_at_once_not_after_the_timeout() -> None:
    passed = itertools.count()

    def damage_the_third(data: bytes) -> bytes:
        return data[:10] + b"\x99" + data[11:] if next(passed) == 2 else data

    line = device.SimulatedLine(device.FakeDevice(), damage=damage_the_third)
    link = DeviceLink(line, timeout_s=3.0)
    link.hello()
    assert link.process(FRAME).pcm == device.answer_to(FRAME, 0)
    assert link.counters.device_errors == 1
    assert line.now() < 0.2


def test_a_damaged_answer_is_asked_for_again_at_once_not_after_the_timeout() -> None:
    passed = itertools.count()

    def damage_the_fourth(data: bytes) -> bytes:
        return data[:10] + b"\x99" + data[11:] if next(passed) == 3 else data

    line = device.SimulatedLine(device.FakeDevice(), damage=damage_the_fourth)
    link = DeviceLink(line, timeout_s=3.0)
    link.hello()
    assert link.process(FRAME).pcm == device.answer_to(FRAME, 0)
    assert link.counters.bad_crc == 1
    assert link.counters.retries == 1
    assert link.counters.timeouts == 0
    assert line.now() < 0.2


def test_the_sequence_number_wraps() -> None:
    line = device.SimulatedLine(device.FakeDevice())
    link = DeviceLink(line)
    link.hello()
    link._seq = 0xFFFE
    for index, frame in enumerate(frames(4)):
        assert link.process(frame).pcm == device.answer_to(frame, index)


def test_answers_to_an_earlier_conversation_are_not_taken() -> None:
    """They are still on their way, to requests of the same kinds, when the next one begins."""
    line = device.SimulatedLine(device.FakeDevice())
    earlier = DeviceLink(line, first_sequence=7)
    earlier.hello()
    earlier.reset()
    first, second = frames(2)
    earlier.process(first)
    left_over = list(line._arrivals)
    assert left_over == []
    for kind in (PacketType.HELLO, PacketType.RESET, PacketType.FRAME):
        payload = first if kind == PacketType.FRAME else b""
        line.write(Packet(kind, 7 + kind - 1, payload).encode())
    link = DeviceLink(line, first_sequence=0x4000)
    assert link.hello() == device.INFO
    link.reset()
    assert link.process(second).pcm == device.answer_to(second, 0)
    assert link.counters.stale_packets == 3


def test_silence_is_an_error_that_says_what_to_check() -> None:
    line = device.SimulatedLine(device.FakeDevice(), damage=lambda data: b"")
    link = DeviceLink(line, timeout_s=0.5, retries=2)
    with pytest.raises(
        LinkTimeoutError, match="no answer to a greeting .* after 3 tries"
    ) as caught:
        link.hello()
    assert "powered" in caught.value.hint
    assert line.now() == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("info", "text"),
    [
        (
            DeviceInfo(2, 8, 16000, 1, 6, 3, 2, device.DIGEST, "aot", device.BUILD_ID),
            "protocol version 2, expected 3",
        ),
        (
            DeviceInfo(3, 8, 16000, 1, 6, 3, 2, "ff" * 32, "aot", device.BUILD_ID),
            "holds model ffffffffffff…",
        ),
        (
            DeviceInfo(3, 8, 16000, 1, 6, 3, 2, device.DIGEST, "tflm", device.BUILD_ID),
            "holds runtime 'tflm'",
        ),
        (
            DeviceInfo(3, 8, 16000, 1, 6, 3, 2, device.DIGEST, "aot", "00" * 20),
            "runs image 000000000000… with the right model, expected image fedcba98fedc…",
        ),
        (
            DeviceInfo(3, 0, 16000, 1, 6, 3, 2, device.DIGEST, "aot", device.BUILD_ID),
            "states no frame size",
        ),
    ],
)
def test_another_image_is_refused(info: DeviceInfo, text: str) -> None:
    link = DeviceLink(device.SimulatedLine(device.FakeDevice(info=info)))
    with pytest.raises(HandshakeError, match=text):
        link.hello(
            expected_digest=device.DIGEST,
            expected_runtime="aot",
            expected_build_id=device.BUILD_ID,
        )
    with pytest.raises(LinkError, match="not asked who it is"):
        link.process(FRAME)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DeviceError(ErrorCode.NETWORK_FAILED), "the network failed"),
        (DeviceError(ErrorCode.HARD_FAULT, 0x08000100, 1, 2), "hard fault at pc 0x08000100"),
    ],
)
def test_failures_of_the_device_are_not_retried(error: DeviceError, text: str) -> None:
    line = device.SimulatedLine(device.FakeDevice())
    link = DeviceLink(line)
    link.hello()
    line.device.fail_with = error
    with pytest.raises(DeviceFaultError, match=text) as caught:
        link.process(FRAME)
    assert caught.value.error == error
    assert link.counters.retries == 0


def test_a_frame_of_the_wrong_length_is_refused_before_it_is_sent() -> None:
    link = DeviceLink(device.SimulatedLine(device.FakeDevice()))
    link.hello()
    with pytest.raises(LinkError, match=r"16 bytes \(8 samples\), got 15"):
        link.process(FRAME[:-1])
    assert link.counters.requests == 1
