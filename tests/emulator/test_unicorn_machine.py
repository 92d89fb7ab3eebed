from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from targets.emulators.counter import _OUTSIDE
from targets.emulators.errors import EmulatedFaultError, EmulatorError, ImageError
from targets.emulators.unicorn import UnicornMachine
from targets.loader import load_target

pytestmark = pytest.mark.emulator

TARGET = load_target("stm32h7")
Build = Callable[..., Path]


def ask(machine: UnicornMachine, data: bytes, timeout_s: float = 0.0) -> bytes:
    transport = machine.transport()
    transport.write(data)
    return transport.read(timeout_s)


def ask_u32(machine: UnicornMachine, data: bytes) -> int:
    (value,) = struct.unpack("<I", ask(machine, data))
    return int(value)


@pytest.fixture
def machine(build_program: Build) -> UnicornMachine:
    return UnicornMachine(TARGET, build_program("services"))


def test_bytes_go_in_and_out(machine: UnicornMachine) -> None:
    for value in (0, 1, 0x55, 0xFF):
        assert ask(machine, bytes([ord("e"), value])) == bytes([value])
    stats = machine.stats()
    assert stats.uart_bytes_received == 8
    assert stats.uart_bytes_sent == 4


def test_start_up_copies_data_and_clears_bss_from_power_on_rubbish(
    machine: UnicornMachine,
) -> None:
    assert struct.unpack("<II", ask(machine, b"m")) == (0x12345678, 0)


def test_code_copied_to_itcm_runs(machine: UnicornMachine) -> None:
    assert ask_u32(machine, b"i") == sum(range(1000))


def test_dsp_and_float_instructions(machine: UnicornMachine) -> None:
    assert ask_u32(machine, b"f") == 2 * 4 + 3 * 5 + 7 + 6 + 9


@pytest.mark.parametrize("compiled", [True, False])
def test_counts_of_a_known_function_are_exact(build_program: Build, compiled: bool) -> None:
    if compiled:
        pytest.importorskip("numba")
    machine = UnicornMachine(TARGET, build_program("services"), compiled_counter=compiled)
    machine.run()
    machine.reset_profile()
    cycles = ask_u32(machine, b"c")
    # A move, 1000 rounds of nine, a return.
    assert machine.profile()["counted"] == 1 + 9 * 1000 + 1
    # The cycle counter adds its own reads and the call.
    assert 0 <= cycles - 9002 <= 8


@pytest.mark.parametrize("compiled", [True, False])
def test_watched_functions_are_charged_for_what_they_call(
    build_program: Build, compiled: bool
) -> None:
    if compiled:
        pytest.importorskip("numba")
    machine = UnicornMachine(TARGET, build_program("services"), compiled_counter=compiled)
    machine.watch(["deep", "counted", "main"])
    machine.run()
    machine.reset_profile()
    before = machine.stats().instructions
    ask(machine, b"cs\2")
    watched = machine.watched()
    assert watched["counted"] == machine.profile()["counted"] == 1 + 9 * 1000 + 1
    assert watched["deep"] >= machine.profile()["deep"] > 0
    assert sum(watched.values()) == machine.stats().instructions - before
    with pytest.raises(EmulatorError, match="no function nonsense"):
        machine.watch(["nonsense"])


def test_both_counters_agree_on_everything(build_program: Build) -> None:
    pytest.importorskip("numba")
    profiles, totals = [], []
    for compiled in (True, False):
        machine = UnicornMachine(TARGET, build_program("services"), compiled_counter=compiled)
        for request in (b"eA", b"i", b"c", b"s\2", b"f"):
            ask(machine, request)
        profiles.append(machine.profile())
        totals.append(machine.stats().instructions)
    assert profiles[0] == profiles[1]
    assert totals[0] == totals[1] == sum(profiles[0].values())


def test_waiting_costs_the_same_however_the_host_splits_its_bytes(build_program: Build) -> None:
    """A byte that arrives while the firmware waits resumes it at the very same instruction."""
    answers = []
    for pieces in ([b"cccc"], [b"c", b"c", b"c", b"c"]):
        machine = UnicornMachine(TARGET, build_program("services"))
        received = b"".join(ask(machine, piece) for piece in pieces)
        answers.append((received, machine.profile()["counted"]))
    assert answers[0] == answers[1]


def test_counting_can_be_switched_off_and_on(machine: UnicornMachine) -> None:
    machine.run()
    machine.set_counting(False)
    before = machine.stats().instructions
    assert ask_u32(machine, b"c") == 0
    assert machine.stats().instructions == before
    machine.set_counting(True)
    assert ask_u32(machine, b"c") >= 9002


def test_incomplete_counts_are_an_error(machine: UnicornMachine) -> None:
    """Code that ran outside every counted region must not pass as a small count."""
    machine.run()
    machine.stats()
    machine._counter._words[_OUTSIDE] = 3
    with pytest.raises(EmulatorError, match="3 blocks of code ran outside"):
        machine.stats()


def test_peak_stack_is_measured(machine: UnicornMachine) -> None:
    machine.run()
    shallow = machine.stats()
    assert shallow.stack_bytes == 4096
    assert shallow.peak_stack_bytes is not None
    assert shallow.peak_stack_bytes < 200
    ask(machine, b"s\2")
    deep = machine.stats().peak_stack_bytes
    assert deep is not None
    assert 2048 <= deep < 2048 + 300


def test_stack_overflow_is_an_error(machine: UnicornMachine) -> None:
    with pytest.raises(EmulatorError, match=r"stack overflow: all 4096 bytes"):
        ask(machine, b"s\4")
    with pytest.raises(EmulatorError, match="stack overflow"):
        machine.run()


def test_a_stack_that_leaves_memory_is_called_overflow(machine: UnicornMachine) -> None:
    with pytest.raises(EmulatedFaultError, match=r"stack overflow: bad write at 0x1ff"):
        ask(machine, b"s\20")


def test_time_passes_while_the_line_is_silent(machine: UnicornMachine) -> None:
    transport = machine.transport()
    transport.write(b"t")
    assert transport.read(0.05) == b""
    before = transport.now()
    assert transport.read(0.2) == b"T"
    assert 0.0 < transport.now() - before <= 0.2
    transport.write(b"t")
    assert transport.read(0.01) == b""
    transport.write(b"!")
    assert transport.read(0.01) == b"B"


def test_overrun_is_reported_and_the_byte_lost(machine: UnicornMachine) -> None:
    transport = machine.transport()
    transport.write(b"o")
    assert transport.read(0.0) == b""
    machine.uart.inject_overrun()
    assert transport.read(0.0) == b"O"


def test_system_reset_starts_over(machine: UnicornMachine) -> None:
    assert ask(machine, b"r") == b""
    assert struct.unpack("<II", ask(machine, b"m")) == (0x12345678, 0)


def test_sleep_counts_as_waiting(machine: UnicornMachine) -> None:
    transport = machine.transport()
    transport.write(b"w")
    assert transport.read(0.1) == b"W"


def test_a_firmware_that_hangs_is_reported_with_its_place(build_program: Build) -> None:
    machine = UnicornMachine(TARGET, build_program("services"), hang_timeout_s=0.2)
    with pytest.raises(EmulatorError, match=r"ran for 0\.2 s .* in main"):
        ask(machine, b"h")


def test_a_firmware_that_says_how_far_it_is_does_not_hang(build_program: Build) -> None:
    machine = UnicornMachine(TARGET, build_program("services"), hang_timeout_s=0.5)
    assert ask(machine, b"p") == b"." * 60


@pytest.mark.parametrize(
    ("case", "address", "text"),
    [
        (1, 0x60000000, "bad read at 0x60000000"),
        (2, 0x08001000, "FLASH cannot be written"),
        (3, 0x40004400, "no memory or modelled peripheral"),
        (4, 0x40010000, "bad write at 0x40010000"),
        (5, None, "an undefined instruction"),
        (7, 0x40004828, "without reading ISR.TXE"),
        (8, 0xE000E010, "SysTick interrupt"),
        (9, 0xE000E104, "NVIC_ISER"),
        (10, None, "supervisor call"),
        (11, None, "a breakpoint"),
        (12, 0x580247F0, "RCC has no 4-byte register at offset 0x3f0"),
        (13, 0x2000, "ITCM is protected from writing by the MPU"),
        (14, 0xE000ED14, "data cache is switched on with 1 of 512 lines cleared"),
        (15, 0xE000EDA0, "MPU region 0 at 0x60000000 does not begin at a multiple of its size"),
        (16, 0xE000ED94, "the MPU allows no access to RCC"),
        (22, 0x40004828, "pin PD8 is not switched to USART3"),
    ],
)
def test_faults_name_address_instruction_and_function(
    build_program: Build, case: int, address: int | None, text: str
) -> None:
    machine = UnicornMachine(TARGET, build_program("faults", f"CASE={case}"))
    with pytest.raises(EmulatedFaultError, match=text) as caught:
        machine.run()
    error = caught.value
    assert error.address == address
    assert error.function == "culprit"
    assert machine.image.function_at(error.pc) == "culprit"
    assert error.registers["sp"] % 4 == 0
    assert f"0x{error.pc:08x} in culprit" in error.message


def test_a_jump_into_nothing_names_the_caller(build_program: Build) -> None:
    machine = UnicornMachine(TARGET, build_program("faults", "CASE=6"))
    with pytest.raises(
        EmulatedFaultError, match=r"bad fetch at 0x90000000 .*\(return address \w+ in main\)"
    ):
        machine.run()


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (20, "at most 400 MHz are allowed in voltage scale 1"),
        (21, "1 flash wait states allow 140 MHz on AXI"),
        (23, "USART3 is used while its clock is off"),
    ],
)
def test_clock_mistakes_are_faults(build_program: Build, case: int, text: str) -> None:
    machine = UnicornMachine(TARGET, build_program("faults", f"CASE={case}"))
    with pytest.raises(EmulatedFaultError, match=text) as caught:
        machine.run()
    assert caught.value.function == "Reset_Handler"


def test_a_wrong_baud_rate_is_a_fault(build_program: Build) -> None:
    machine = UnicornMachine(TARGET, build_program("faults", "CASE=24", "BAUD=115200u"))
    with pytest.raises(EmulatedFaultError, match="runs at 115274 baud, expected 921600"):
        machine.run()


def test_an_elf_that_is_none_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"\x7fELF", b"hello" * 100):
        path = tmp_path / "x.elf"
        path.write_bytes(content)
        with pytest.raises(ImageError, match=r"x\.elf"):
            UnicornMachine(TARGET, path)
    with pytest.raises(ImageError, match=r"cannot read gone\.elf"):
        UnicornMachine(TARGET, tmp_path / "gone.elf")


def test_a_target_without_models_is_refused(build_program: Build) -> None:
    with pytest.raises(EmulatorError, match="Unicorn cannot emulate mps2_an500"):
        UnicornMachine(load_target("mps2-an500"), build_program("services"))
