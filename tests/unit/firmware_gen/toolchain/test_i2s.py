"""Microphone to DAC on the emulated board: DMA and interrupts run while the firmware works."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import Any

import fake_backend
import fake_network
import numpy as np
import pytest
from reference_frontend import HOP, Frontend

from firmware_gen.errors import FirmwareError
from firmware_gen.options import FirmwareOptions
from firmware_gen.project import generate_project, write
from firmware_gen.toolchain import compile_project
from targets.emulators.errors import EmulatedFaultError
from targets.emulators.unicorn import UnicornMachine
from targets.link import DeviceFaultError, DeviceLink
from targets.loader import load_target
from targets.protocol import AudioState

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        any(shutil.which(tool) is None for tool in ("arm-none-eabi-gcc", "cmake", "ninja")),
        reason="arm-none-eabi-gcc, cmake or ninja is not installed",
    ),
]
TARGET = load_target("stm32h743")
OPTIONS = FirmwareOptions(app="i2s")
IRQ = 12
# Every fourth frame takes 43 ms, longer than two times the 16 ms between hops.
SLOW_SOURCE = fake_network.SOURCE.replace(
    "    for (int k = 0; k < IMSE_BANDS; ++k) {\n        const int8_t next",
    """    static uint32_t frame;
    if (++frame % 4u == 0) {
        for (uint32_t i = 0; i < 80000u; ++i) {
            __asm volatile(".rept 256\\n\\tnop\\n\\t.endr");
        }
    }
    for (int k = 0; k < IMSE_BANDS; ++k) {
        const int8_t next""",
)
STOPS = "    for (int k = 0; k < IMSE_BANDS; ++k) {\n        const int8_t next"
FROM_FRAME_4_ON = "    static uint32_t frame;\n    if (++frame > 3u) {\n        %s\n    }\n" + STOPS
FAULT_SOURCE = '#include "imse_service.h"\n' + fake_network.SOURCE.replace(
    STOPS,
    # As in a fault handler, no interrupt comes through.
    FROM_FRAME_4_ON % '__asm volatile("cpsid i"); imse_service_fault(0x1234, 2, 3);',
)
HANGING_SOURCE = fake_network.SOURCE.replace(STOPS, FROM_FRAME_4_ON % "for (;;) {}")
# Interrupts are held up for 40 ms, in the frame that begins when half 0 has been filled; so half 1
# and half 0 have been filled again before the handler runs.
DEAF_SOURCE = fake_network.SOURCE.replace(
    STOPS,
    """    static uint32_t frame;
    if (++frame == 3u) {
        __asm volatile("cpsid i");
        for (uint32_t i = 0; i < 75000u; ++i) {
            __asm volatile(".rept 256\\n\\tnop\\n\\t.endr");
        }
        __asm volatile("cpsie i");
    }
"""
    + STOPS,
)


def build(folder: Path, source: str = fake_network.SOURCE) -> Path:
    backends = {"aot": fake_backend.FakeBackend(source)}
    model = fake_backend.fake_model()
    project = generate_project(model, TARGET, "aot", OPTIONS, backends=backends)
    write(project, folder)
    return compile_project(folder, TARGET, plan=project.plan).elf


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("i2s") / "p")


def counters(machine: UnicornMachine) -> dict[str, int]:
    address = machine.image.symbol("imse_i2s_counters")
    assert address is not None
    names = ("halves", "missed", "taken", "overruns", "underruns")
    return dict(zip(names, struct.unpack("<5I", machine.read_memory(address, 20)), strict=True))


def words_of_a_microphone(hops: int, seed: int) -> np.ndarray:
    """24 bits, left aligned, with an offset."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(4e5, 8e6, hops * HOP) * 2
    return np.clip(np.round(signal), -(2**23), 2**23 - 1).astype(np.int64) * 256


def heard(words: np.ndarray) -> np.ndarray:
    """What the firmware makes of the words: offset removed, 16 bits."""
    offset, pcm = 0, np.empty(words.size, np.int16)
    for i, sample in enumerate(int(word) for word in words):
        offset += sample - (offset >> 9)
        pcm[i] = min(max((sample - (offset >> 9)) >> 14, -32768), 32767)
    return pcm.reshape(-1, HOP)


def expected(frontend: Frontend, pcm: np.ndarray) -> np.ndarray:
    network = fake_network.FakeNetwork()
    played = []
    for hop in pcm:
        mask, phase = network.invoke(frontend.analyze(hop))
        played.append(frontend.synthesize(mask, phase))
    return np.concatenate(played)


def feed(machine: UnicornMachine, words: np.ndarray) -> Any:
    sai: Any = machine.peripheral("SAI1")
    sai.microphone.extend(int(word) & 0xFFFF_FFFF for word in words)
    return sai


def test_microphone_to_dac_is_the_host_model_bit_for_bit(image: Path, frontend: Frontend) -> None:
    hops = 6
    words = words_of_a_microphone(hops, 1)
    machine = UnicornMachine(TARGET, image)
    sai = feed(machine, words)
    machine.run_for((hops + 2) * HOP / 16000 + 0.005)
    left = np.array([frame[0] for frame in sai.played], np.uint32)
    right = np.array([frame[1] for frame in sai.played], np.uint32)
    np.testing.assert_array_equal(left, right)
    assert not np.any(left & 0xFFFF)
    # A hop is recorded, then handed over: two hops after the first sample its result begins.
    assert not np.any(left[: 2 * HOP])
    pcm = (left[2 * HOP : (hops + 2) * HOP] >> 16).astype(np.uint16).view(np.int16)
    np.testing.assert_array_equal(pcm, expected(frontend, heard(words)))
    found = counters(machine)
    assert found["halves"] == found["taken"] == len(left) // HOP
    assert found["missed"] == found["overruns"] == found["underruns"] == 0
    assert machine.interrupts.taken[IRQ] == found["halves"]
    stats = machine.stats()
    assert stats.peak_stack_bytes is not None
    assert stats.peak_stack_bytes < 800


def test_frames_that_take_too_long_are_counted_and_the_stream_goes_on(
    tmp_path: Path,
) -> None:
    machine = UnicornMachine(TARGET, build(tmp_path / "slow", SLOW_SOURCE))
    feed(machine, words_of_a_microphone(16, 2))
    machine.run_for(12 * HOP / 16000 + 0.001)
    found = counters(machine)
    # Halves 1 to 4, 4 slowly; 5 is lost, 6 is late; 7 to 10, 10 slowly; 11 is lost.
    assert found["halves"] == machine.interrupts.taken[IRQ] == 12
    assert found["missed"] == 0
    assert found["underruns"] == 2
    assert found["overruns"] == 2
    with DeviceLink(machine.transport()) as link:
        link.hello()
        told = link.state().audio
        assert told.state is AudioState.RUNNING
        assert told.recorded >= 12
        assert told.overruns >= 2
        assert told.underruns >= 2
        link.reset()
        before = link.state().audio
        machine.run_for(8 * HOP / 16000)
        assert link.state().audio == before
        assert counters(machine)["halves"] >= before.recorded + 8


def test_interrupts_that_come_late_are_put_into_order(tmp_path: Path) -> None:
    machine = UnicornMachine(TARGET, build(tmp_path / "deaf", DEAF_SOURCE))
    feed(machine, words_of_a_microphone(16, 2))
    machine.run_for(8 * HOP / 16000 + 0.001)
    found = counters(machine)
    # Halves 0, 1, 0 are taken; 1 and 0 are told at once, of which 1 is lost.
    assert machine.interrupts.taken[IRQ] == 7
    assert found["halves"] == 8
    assert found["missed"] == 0
    assert found["overruns"] == 1


def test_a_fault_makes_the_dac_silent(tmp_path: Path) -> None:
    machine = UnicornMachine(TARGET, build(tmp_path / "fault", FAULT_SOURCE))
    sai = feed(machine, words_of_a_microphone(40, 3))
    machine.run_for(4 * HOP / 16000)
    assert any(frame[0] for frame in sai.played)
    machine.run_for(0.001)
    before = len(sai.played)
    machine.run_for(4 * HOP / 16000)
    assert len(sai.played) >= before + 3 * HOP
    assert not any(left or right for left, right in sai.played[before:])
    with DeviceLink(machine.transport()) as link, pytest.raises(DeviceFaultError) as caught:
        link.hello()
    assert caught.value.error.pc == 0x1234


def test_a_main_loop_that_hangs_plays_nothing_twice(tmp_path: Path) -> None:
    machine = UnicornMachine(TARGET, build(tmp_path / "hang", HANGING_SOURCE))
    sai = feed(machine, words_of_a_microphone(40, 3))
    machine.run_for(10 * HOP / 16000)
    heard_hops = [any(left for left, _ in sai.played[i : i + HOP]) for i in range(0, 10 * HOP, HOP)]
    assert heard_hops == [False, False, True, True, True, *[False] * 5]


@pytest.mark.parametrize("stream", [0, 1], ids=["to the DAC", "from the microphone"])
def test_a_stream_that_fails_is_told_and_the_dac_is_silent(image: Path, stream: int) -> None:
    machine = UnicornMachine(TARGET, image)
    sai = feed(machine, words_of_a_microphone(40, 3))
    machine.run_for(4 * HOP / 16000)
    assert any(frame[0] for frame in sai.played)
    dma: Any = machine.peripheral("DMA1")
    dma.fail(stream)
    machine.run_for(0.001)
    before = len(sai.played)
    machine.run_for(2 * HOP / 16000)
    assert not any(left or right for left, right in sai.played[before:])
    with DeviceLink(machine.transport()) as link:
        link.hello()
        assert link.state().audio.state is AudioState.FAILED


def test_a_word_that_is_lost_is_told(image: Path) -> None:
    machine = UnicornMachine(TARGET, image)
    sai = feed(machine, words_of_a_microphone(40, 3))
    machine.run_for(4 * HOP / 16000)
    sai.registers[sai.B + sai.SR] |= 1
    machine.run_for(0.001)
    assert machine.interrupts.taken[87] == 1
    with DeviceLink(machine.transport()) as link:
        link.hello()
        assert link.state().audio.state is AudioState.FAILED


def test_host_takes_the_model_over_and_the_dac_is_silent(image: Path, frontend: Frontend) -> None:
    machine = UnicornMachine(TARGET, image)
    sai = feed(machine, words_of_a_microphone(40, 3))
    machine.run_for(4 * HOP / 16000)
    assert any(frame[0] for frame in sai.played)
    with DeviceLink(machine.transport()) as link:
        link.hello()
        link.reset()
        network = fake_network.FakeNetwork()
        for seed in range(2):
            hop = np.random.default_rng(seed).normal(0, 3000, HOP).astype("<i2")
            result = link.process(hop.tobytes(), tensors=True)
            features = frontend.analyze(hop)
            mask, phase = network.invoke(features)
            assert result.pcm == frontend.synthesize(mask, phase).tobytes()
    machine.run_for(3 * HOP / 16000)
    before = len(sai.played)
    machine.run_for(2 * HOP / 16000)
    assert not any(frame[0] for frame in sai.played[before:])


@pytest.mark.parametrize(
    ("wrong", "right", "text"),
    [
        ("imse_dma", "imse_buffers", "uses 4096 bytes in"),
        ("#define PLL2_N 49u", "#define PLL2_N 50u", "frames a second, expected 16000"),
        ("PORT_E, PIN_SCK, AF_SAI1", "PORT_E, PIN_SCK, 5u", "pin PE5 is not switched to SAI1"),
    ],
    ids=["cached memory", "sample rate", "pin"],
)
def test_mistakes_of_a_driver_are_found(tmp_path: Path, wrong: str, right: str, text: str) -> None:
    """The emulated hardware is strict enough to be worth passing."""
    backends = {"aot": fake_backend.FakeBackend()}
    project = generate_project(fake_backend.fake_model(), TARGET, "aot", OPTIONS, backends=backends)
    folder = tmp_path / "p"
    write(project, folder)
    changed = 0
    for path in sorted(folder.rglob("*.[ch]")):
        source = path.read_text()
        if wrong in source:
            path.write_text(source.replace(wrong, right))
            changed += 1
    assert changed
    elf = compile_project(folder, TARGET, plan=project.plan).elf
    machine = UnicornMachine(TARGET, elf)
    with pytest.raises(EmulatedFaultError, match=text):
        machine.run_for(0.01)


def test_readme_has_the_wiring(tmp_path: Path) -> None:
    backends = {"aot": fake_backend.FakeBackend()}
    project = generate_project(fake_backend.fake_model(), TARGET, "aot", OPTIONS, backends=backends)
    text = project.files["README.md"].decode()
    assert "| CN9 pin 18 | PE5 | SAI1_SCK_A, 1.024 MHz | SCK (SPH0645: BCLK) |" in text
    assert "imse_i2s_counters" in text


def test_board_without_a_driver_says_so() -> None:
    with pytest.raises(FirmwareError, match="no I2S driver") as caught:
        generate_project(
            fake_backend.fake_model(),
            load_target("stm32f407"),
            "aot",
            OPTIONS,
            backends={"aot": fake_backend.FakeBackend()},
        )
    assert "imse_i2s_start" in caught.value.hint
