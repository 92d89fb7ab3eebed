"""Whole images with a fake network, run on emulators."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_backend
import fake_network
import numpy as np
import pytest
from reference_frontend import HOP, Frontend

from firmware_gen.errors import FirmwareError
from targets.loader import list_targets, load_target
from targets.model import Target

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        any(shutil.which(tool) is None for tool in ("arm-none-eabi-gcc", "cmake", "ninja")),
        reason="arm-none-eabi-gcc, cmake or ninja is not installed",
    ),
]
needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed"
)
QEMU_TARGETS = ("mps2_an386", "mps2_an500", "mps3_an547")
UNICORN_TARGETS = [
    t.name for t in list_targets() if t.board.emulator and t.board.emulator.kind == "unicorn"
]

PREFIX = fake_network.SOURCE.split("int imse_network_invoke", maxsplit=1)[0]
UNDEFINED_INSTRUCTION = (
    PREFIX
    + """
int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {
    mask[0] = phase[0] = features[0] + weights[0];
    __builtin_trap();
}
"""
)
DEEP_RECURSION = (
    PREFIX
    + """
static int deeper(volatile int8_t *above, int depth) {
    volatile int8_t frame[64];
    frame[depth & 63] = above[depth & 63];
    return depth > 1000000 ? 0 : deeper(frame, depth + 1) + frame[depth & 63];
}
int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {
    volatile int8_t start[64] = {0};
    mask[0] = phase[0] = features[0] + weights[0];
    return deeper(start, 0);
}
"""
)


def hops(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(0, 3000, (count, HOP)).astype("<i2")


def check_frames(link: Any, frontend: Frontend, count: int) -> None:
    """The device's answers are the host's front end and network, byte for byte."""
    network = fake_network.FakeNetwork()
    link.reset()
    for hop in hops(count):
        result = link.process(hop.tobytes(), tensors=True)
        features = frontend.analyze(hop)
        mask, phase = network.invoke(features)
        assert result.tensors is not None
        assert result.tensors.features == features.tobytes()
        assert result.tensors.mask == mask.tobytes()
        assert result.tensors.phase == phase.tobytes()
        assert result.pcm == frontend.synthesize(mask, phase).tobytes()
        assert 0 < result.network_cycles < result.frame_cycles


def check_info(link: Any, target_name: str) -> None:
    info = link.hello()
    assert info.clock_hz == load_target(target_name).mcu.clock_hz
    assert info.model_digest == fake_backend.MODEL_DIGEST
    assert info.runtime == "fake"


@pytest.mark.parametrize("name", UNICORN_TARGETS)
def test_image_on_unicorn(builder: Any, frontend: Frontend, name: str) -> None:
    """Start-up, clocks, pins and UART of every board, in its memory map."""
    from targets.emulators.unicorn import UnicornMachine
    from targets.link import DeviceLink

    build = builder.build(name)
    machine = UnicornMachine(load_target(name), build.elf)
    with DeviceLink(machine.transport()) as link:
        check_info(link, name)
        check_frames(link, frontend, 3)
        assert link.counters.retries == 0
    memories = load_target(name).mcu.regions
    assert machine.read_only == {r.name for r in memories if r.roles == ("hot_code",)}
    peak = machine.stats().peak_stack_bytes
    assert peak is not None
    assert 100 < peak < 640, "more stack than firmware_gen.memory allows the firmware"


def test_what_a_boot_rom_leaves_behind(builder: Any) -> None:
    """A data cache in use is written back, not thrown away; timer and interrupts are off."""
    from targets.emulators.unicorn import UnicornMachine
    from targets.link import DeviceLink

    target = load_target("mimxrt1060_evkb")
    machine = UnicornMachine(target, builder.build(target.name).elf)
    system = machine.system
    system.registers[system.CCR] |= 1 << 16
    system.registers[system.SYST_CSR] = 7
    machine.set_register("sp", 0x2000_1000)
    disabled: list[int] = []
    machine.interrupts.disable = disabled.append  # type: ignore[method-assign]
    with DeviceLink(machine.transport()) as link:
        check_info(link, target.name)
    assert len(set(system.maintained[system.DCCISW])) == target.mcu.dcache_bytes // 32
    assert system.DCISW not in system.maintained
    assert system.registers[system.CCR] >> 16 & 3 == 3
    assert system.registers[system.SYST_CSR] == 0
    assert disabled == list(range(256))
    assert machine.stats().peak_stack_bytes, "the stack is not the one of the linker script"


WITH_CACHE_MAINTENANCE = '#include "cortexm.h"\n' + fake_network.SOURCE.replace(
    "int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {",
    """int8_t for_dma[100] __attribute__((aligned(32)));
int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {
    cortexm_clean(for_dma, 65);
    cortexm_invalidate(for_dma + 32, 64);""",
)


def test_buffers_in_cached_memory_can_be_shared_with_dma(tmp_path: Path) -> None:
    from firmware_gen.project import generate_project, write
    from firmware_gen.toolchain import compile_project
    from targets.emulators.unicorn import UnicornMachine
    from targets.link import DeviceLink

    target = load_target("mimxrt1060_evkb")
    backends = {"aot": fake_backend.FakeBackend(WITH_CACHE_MAINTENANCE)}
    project = generate_project(fake_backend.fake_model(), target, "aot", backends=backends)
    write(project, tmp_path / "p")
    machine = UnicornMachine(target, compile_project(tmp_path / "p", target, plan=project.plan).elf)
    with DeviceLink(machine.transport()) as link:
        link.hello()
        link.process(hops(1)[0].tobytes())
    first = machine.image.symbol("for_dma")
    assert first is not None
    found = machine.system.maintained
    assert found[machine.system.DCCMVAC] == [first, first + 32, first + 64]
    assert found[machine.system.DCIMVAC] == [first + 32, first + 64]


@pytest.mark.parametrize("name", [t.name for t in list_targets()])
def test_planned_ram_of_the_firmware_is_that_of_the_image(builder: Any, name: str) -> None:
    """Of everything around the network, whose own memory the plan knows exactly."""
    build = builder.build(name)
    plan = builder.plans[name]
    planned: dict[str, int] = {}
    for use in plan.regions:
        for item, size in use.items.items():
            planned[item] = planned.get(item, 0) + size
    assert 0 <= plan.ram_bytes - build.ram_bytes["total"] <= 1024
    assert 0 <= planned["buffers"] - build.ram_bytes["buffers"] <= 256
    data = planned["data"] + planned.get("dma", 0)
    assert 0 <= data - build.ram_bytes["data"] <= 768


@pytest.mark.parametrize("name", ["alif_e7", "stm32n657"])
def test_start_up_of_a_cortex_m55_as_cortex_m33(
    frontend: Frontend, tmp_path: Path, name: str
) -> None:
    """Unicorn has no Cortex-M55: clocks, pins, UART and memory map run without Helium and loops.

    The core's own instructions run on QEMU's mps3-an547, see below.
    """
    from firmware_gen.project import generate_project, write
    from firmware_gen.toolchain import compile_project
    from targets.emulators.unicorn import UnicornMachine
    from targets.link import DeviceLink

    real = load_target(name)
    flags = load_target("nrf5340").mcu.cpu_flags
    changes = {"core": "cortex-m33", "cpu_flags": flags, "fpu": "fpv5-sp-d16", "has_mve": False}
    target = dataclasses.replace(real, mcu=dataclasses.replace(real.mcu, **changes))
    backends = {"aot": fake_backend.FakeBackend()}
    project = generate_project(fake_backend.fake_model(), target, "aot", backends=backends)
    write(project, tmp_path / "p")
    build = compile_project(tmp_path / "p", target, plan=project.plan)
    machine = UnicornMachine(target, build.elf)
    with DeviceLink(machine.transport()) as link:
        check_info(link, name)
        check_frames(link, frontend, 2)
    assert machine.read_only == {"ITCM"}


@needs_qemu
@pytest.mark.parametrize("name", ["alif_e7", "stm32n657"])
def test_objects_of_a_cortex_m55_image_run_on_its_stand_in(
    builder: Any, frontend: Frontend, tmp_path: Path, name: str
) -> None:
    """Every object but UART, clock and cycle counter is the board's, in the board's memory map."""
    from firmware_gen.project import FirmwareProject, generate_project
    from firmware_gen.toolchain import BuildResult, compile_project
    from imse_mcu.buildfolder import EMULATED_ELF
    from imse_mcu.stand_in import link_stand_in
    from targets.emulators.qemu import QemuMachine
    from targets.link import DeviceLink
    from targets.stand_in import emulated

    def generate(target: Target) -> FirmwareProject:
        backends = {"aot": fake_backend.FakeBackend()}
        return generate_project(fake_backend.fake_model(), target, "aot", backends=backends)

    def compile_in(folder: Path, project: FirmwareProject) -> BuildResult:
        return compile_project(folder, project.target, plan=project.plan)

    target = load_target(name)
    compiled = builder.build(name)
    (tmp_path / EMULATED_ELF).parent.mkdir()
    found = link_stand_in(tmp_path, generate(target), compiled, generate, compile_in)
    assert found is not None
    of_the_chip = [
        source
        for source in compiled.object_digests
        if source.startswith("platform/") and not source.startswith("platform/cortexm/")
    ]
    counter = "platform/cortexm/cycles_dwt.c"
    assert found.same_objects == len(set(compiled.object_digests) - {*of_the_chip, counter})
    own = ("platform/cortexm/cycles_systick.c", "platform/mps2/platform.c")
    assert found.own_objects == own
    with QemuMachine(emulated(target), tmp_path / EMULATED_ELF) as machine:
        with DeviceLink(machine.transport(), timeout_s=30.0) as link:
            check_info(link, "mps3_an547")
            check_frames(link, frontend, 3)
        code = machine.image.symbol("imse_pipeline_process")
    assert code is not None
    assert emulated(target).mcu.region_for("code").contains(code)


@pytest.mark.parametrize("name", ["alif_e7", "stm32n657"])
def test_cortex_m55_image_links_in_its_memory_map(builder: Any, name: str) -> None:
    build = builder.build(name)
    show = ["arm-none-eabi-objdump", "-d", "--disassemble=reset", str(build.elf)]
    start = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    assert "#786432" in start, "loop cache and branch prediction (CCR.LOB, CCR.BP) stay off"
    assert {use.region for use in build.regions if use.items} <= {
        region.name for region in load_target(name).mcu.regions
    }


def test_linking_fails_where_no_hot_code_is_found(tmp_path: Path) -> None:
    """As with a build system that names object files in its own way."""
    from firmware_gen.project import generate_project, write
    from firmware_gen.toolchain import compile_project

    target = load_target("stm32h7")
    backends = {"aot": fake_backend.FakeBackend(hot_code_bytes=20_000)}
    project = generate_project(fake_backend.fake_model(), target, "aot", backends=backends)
    assert project.plan.places["hot_code"] == "ITCM"
    write(project, tmp_path / "p")
    script = tmp_path / "p" / "linker" / f"{target.name}-aot.ld"
    text = script.read_text()
    assert text.count(".*o*(.text") >= 3
    script.write_text(text.replace(".*o*(.text", ".object(.text"))
    with pytest.raises(FirmwareError, match="ITCM: no code was placed there"):
        compile_project(tmp_path / "p", target, plan=project.plan)


IN_ARENA = fake_network.SOURCE.replace(
    "static int8_t imse_state[IMSE_BANDS];",
    'static int8_t imse_state[IMSE_BANDS] __attribute__((section(".bss.imse_arena")));\n'
    'int8_t imse_rest[1 << 20] __attribute__((section(".bss.imse_arena"), used));',
)


def test_arena_in_external_memory(frontend: Frontend, tmp_path: Path) -> None:
    """What no memory of the chip holds goes to the board's SDRAM, which start-up has set up."""
    from firmware_gen.project import generate_project, write
    from firmware_gen.toolchain import compile_project
    from targets.emulators.unicorn import UnicornMachine
    from targets.link import DeviceLink

    target = load_target("stm32h747")
    backends = {"aot": fake_backend.FakeBackend(IN_ARENA, arena_bytes=(1 << 20) + 256)}
    project = generate_project(fake_backend.fake_model(), target, "aot", backends=backends)
    assert project.plan.places["arena"] == "SDRAM"
    write(project, tmp_path / "p")
    build = compile_project(tmp_path / "p", target, plan=project.plan)
    machine = UnicornMachine(target, build.elf)
    state = machine.image.symbol("imse_rest")
    assert state is not None
    assert target.mcu.region("SDRAM").contains(state)
    with DeviceLink(machine.transport()) as link:
        check_info(link, target.name)
        check_frames(link, frontend, 2)


@needs_qemu
@pytest.mark.parametrize("name", QEMU_TARGETS)
def test_image_on_qemu(builder: Any, frontend: Frontend, name: str) -> None:
    from targets.emulators.qemu import QemuMachine
    from targets.link import DeviceLink

    with (
        QemuMachine(load_target(name), builder.build(name).elf) as machine,
        DeviceLink(machine.transport()) as link,
    ):
        check_info(link, name)
        check_frames(link, frontend, 4)


@needs_qemu
@pytest.mark.parametrize(
    ("name", "source", "check"),
    [
        ("mps2_an500", UNDEFINED_INSTRUCTION, lambda e: e.pc != 0 and e.cfsr & 0x1_0000),
        ("mps2_an500", DEEP_RECURSION, lambda e: e.cfsr & 0x1010),
        ("mps3_an547", DEEP_RECURSION, lambda e: e.cfsr & 0x10_0000),
        ("mps2_an386", DEEP_RECURSION, lambda e: e.cfsr & 0x1010),
    ],
    ids=["undefined instruction", "stack overflow", "stack limit on v8-M", "stack overflow on M4"],
)
def test_fault_is_reported(
    builder: Any, name: str, source: str, check: Callable[[Any], int]
) -> None:
    from targets.emulators.qemu import QemuMachine
    from targets.link import DeviceFaultError, DeviceLink

    with (
        QemuMachine(load_target(name), builder.build(name, source).elf) as machine,
        DeviceLink(machine.transport()) as link,
    ):
        link.hello()
        link.reset()
        with pytest.raises(DeviceFaultError) as caught:
            link.process(hops(1)[0].tobytes())
        assert check(caught.value.error), caught.value.error
        assert caught.value.error.hfsr == 1 << 30  # escalated from a configurable fault


def test_image_is_reproducible(builder: Any, tmp_path: Path) -> None:
    from firmware_gen.project import generate_project, write
    from firmware_gen.toolchain import compile_project

    first = builder.build("stm32h7")
    target = load_target("stm32h7")
    project = generate_project(
        fake_backend.fake_model(), target, "aot", backends={"aot": fake_backend.FakeBackend()}
    )
    other = tmp_path / "another" / "place" / "of another length"
    write(project, other)
    second = compile_project(other, target)
    for suffix in ("elf", "bin", "hex"):
        assert getattr(first, suffix).read_bytes() == getattr(second, suffix).read_bytes()
    assert not list(other.glob(".build*"))


class NoisyLine:
    """A transport that loses, flips and inserts bytes in both directions.

    Args:
        inner: The real transport.
        rate: Probability of damage per piece of data.
    """

    def __init__(self, inner: Any, rate: float) -> None:
        self._inner = inner
        self._rate = rate
        self._random = np.random.default_rng(42)
        self.damaged = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _damage(self, data: bytes) -> bytes:
        if not data or self._random.random() >= self._rate:
            return data
        self.damaged += 1
        at = int(self._random.integers(len(data)))
        kind = self._random.integers(3)
        if kind == 0:
            return data[:at] + data[at + 1 :]
        if kind == 1:
            return data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :]
        return data[:at] + b"IM\x03" + data[at:]

    def write(self, data: bytes) -> None:
        self._inner.write(self._damage(data))

    def read(self, timeout_s: float) -> bytes:
        return self._damage(self._inner.read(timeout_s))


def test_damaged_line_changes_nothing_but_time(builder: Any, frontend: Frontend) -> None:
    from targets.emulators.unicorn import UnicornMachine
    from targets.link import DeviceLink

    machine = UnicornMachine(load_target("stm32h7"), builder.build("stm32h7").elf)
    line = NoisyLine(machine.transport(), 0.15)
    with DeviceLink(line, retries=20) as link:
        link.hello()
        check_frames(link, frontend, 60)
        assert line.damaged > 10
        assert link.counters.retries > 5
