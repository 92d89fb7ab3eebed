from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from imse_mcu.core import process
from imse_mcu.core.process import ToolNotFoundError
from imse_mcu.core.registry import UnknownNameError
from targets.loader import list_targets, load_target
from targets.runners import (
    RUNNERS,
    Failure,
    FlashError,
    FlashImage,
    FlashRequest,
    FlashRunner,
    choose_runner,
)
from targets.runners.base import WORK
from targets.runners.gdb import GdbRunner
from targets.runners.pyocd import PyocdRunner

TARGET = load_target("stm32h7")
READ_ID = {
    "openocd": "0x5c001000: 20036450 \n",
    "stlink": "Found 1 stlink programmers\n version: V3\n serial: 0A\n chipid: 0x450\n",
    "stm32cubeprogrammer": "Device ID   : 0x450\nDevice name : STM32H7xx\n",
    "jlink": "5C001000 = 20036450\n",
    "gdb": "0x5c001000:\t0x20036450\n",
}
WRITTEN = {
    "openocd": "** Programming Finished **\n** Verified OK **\n",
    "stlink": "INFO common.c: Flash written and verified! jolly good!\n",
    "stm32cubeprogrammer": "File download complete\nDownload verified successfully\n",
    "jlink": "O.K.\n",
    "gdb": "Transfer rate: 1 KB/sec\nSection .text, range 0x0 -- 0x40: matched.\n",
}


@pytest.fixture
def image(tmp_path: Path) -> FlashImage:
    paths = [tmp_path / f"imse-firmware.{suffix}" for suffix in ("elf", "bin", "hex")]
    for path in paths:
        path.write_bytes(b"x")
    return FlashImage(*paths)


@pytest.fixture
def everything_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in RUNNERS.names():
        for tool in RUNNERS.get(name)().tools:
            path = folder / tool
            path.write_text("#!/bin/sh\nexit 99\n")
            path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def argv_of(name: str, request: FlashRequest) -> list[list[str]]:
    report = RUNNERS.get(name)().flash(request, dry_run=True)
    folder = str(request.image.elf.parent)
    return [[word.replace(folder, "OUT") for word in step.argv] for step in report.steps]


CONNECT = ["STM32_Programmer_CLI", "-c", "port=SWD", "mode=UR"]
OCD = ["openocd", "-f", "board/st_nucleo_h743zi.cfg"]
PYOCD = ["--no-wait", "--target", "stm32h743xx"]
JLINK = ["-Device", "STM32H743ZI", "-If", "SWD", "-Speed", "4000", "-AutoConnect", "1"]
JLINK += ["-CommandFile", "{work}/commands.jlink"]
MDW = ["-c", "init", "-c", "mdw 0x5c001000", "-c", "shutdown"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "pyocd",
            [
                ["pyocd", "commander", *PYOCD, "-c", "read32 0x5c001000 4"],
                [
                    *("pyocd", "load"),
                    *PYOCD,
                    "--erase",
                    "sector",
                    "--no-reset",
                    "--format",
                    "hex",
                    "OUT/imse-firmware.hex",
                ],
                ["pyocd", "commander", *PYOCD, "-c", "compare 0x08000000 'OUT/imse-firmware.bin'"],
                ["pyocd", "reset", *PYOCD],
            ],
        ),
        (
            "openocd",
            [
                [*OCD, *MDW],
                [*OCD, "-c", "program {OUT/imse-firmware.elf} verify reset exit"],
            ],
        ),
        (
            "stlink",
            [
                ["st-info", "--probe", "--connect-under-reset"],
                [
                    *("st-flash", "--connect-under-reset", "--reset", "write"),
                    *("OUT/imse-firmware.bin", "0x08000000"),
                ],
            ],
        ),
        (
            "stm32cubeprogrammer",
            [CONNECT, [*CONNECT, "-w", "OUT/imse-firmware.hex", "-v", "-rst"]],
        ),
        ("jlink", [["JLinkExe", "-NoGui", "1", "-ExitOnError", "1", *JLINK]] * 2),
    ],
)
def test_the_commands(name: str, expected: list[list[str]], image: FlashImage) -> None:
    assert argv_of(name, FlashRequest(TARGET, image)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pyocd", [*("pyocd", "load"), *PYOCD, "--uid", "0A", "--erase", "sector"]),
        (
            "openocd",
            [*OCD, "-c", "adapter serial {0A}", "-c", "program {OUT/imse-firmware.elf} exit"],
        ),
        ("stm32cubeprogrammer", [*CONNECT, "sn=0A", "-w", "OUT/imse-firmware.hex"]),
        ("jlink", ["JLinkExe", "-NoGui", "1", "-ExitOnError", "1", "-SelectEmuBySN", "0A", *JLINK]),
    ],
)
def test_a_chosen_probe_without_verification_and_reset(
    name: str, expected: list[str], image: FlashImage
) -> None:
    commands = argv_of(name, FlashRequest(TARGET, image, probe="0A", verify=False, reset=False))
    assert len(commands) == 2
    assert commands[1][: len(expected)] == expected


def test_stlink_with_a_chosen_probe(image: FlashImage) -> None:
    request = FlashRequest(TARGET, image, probe="0A", reset=False)
    assert argv_of("stlink", request)[1][:4] == [
        *("st-flash", "--connect-under-reset", "--serial", "0A"),
    ]
    with pytest.raises(FlashError, match="stlink cannot leave out the verification") as caught:
        argv_of("stlink", FlashRequest(TARGET, image, verify=False))
    assert caught.value.failure is Failure.UNSUPPORTED


def test_the_script_of_jlink(image: FlashImage) -> None:
    steps = RUNNERS.get("jlink")().flash(FlashRequest(TARGET, image), dry_run=True).steps
    assert steps[0].files == {"commands.jlink": "mem32 0x5c001000 1\nexit\n"}
    assert steps[1].files["commands.jlink"].splitlines() == [
        "r",
        "h",
        f'loadfile "{image.hex}"',
        f'verifybin "{image.bin}", 0x08000000',
        "r",
        "g",
        "exit",
    ]


def test_the_commands_of_gdb(image: FlashImage) -> None:
    runner = GdbRunner()
    request = FlashRequest(TARGET, image, probe="jlink@board.local:2331")
    identify, program = runner.flash(request, dry_run=True).steps
    assert identify.argv[-4:] == ("-ex", "x/1xw 0x5c001000", "-ex", "detach")
    assert identify.argv[1:3] == ("-nx", "-batch")
    commands = [program.argv[i + 1] for i, word in enumerate(program.argv) if word == "-ex"]
    assert commands[3:] == [
        "target extended-remote board.local:2331",
        *("monitor reset", "monitor halt", "load", "compare-sections"),
        *("monitor reset", "monitor go", "detach"),
    ]
    assert program.argv[-1] == str(image.elf)
    for bad in ("board", "cable@host:1", "host:port"):
        with pytest.raises(FlashError, match="is no GDB server"):
            runner.flash(dataclasses.replace(request, probe=bad), dry_run=True)


N6 = load_target("stm32n6")


@pytest.fixture
def ram_image(image: FlashImage) -> FlashImage:
    image.bin.write_bytes(bytes.fromhex("0020003001141834") + bytes(64))
    return image


class TestAnImageInRam:
    """The STM32N6 has no flash: a reset leads to its boot ROM, which starts nothing."""

    def test_cubeprogrammer_joins_the_running_chip(self, ram_image: FlashImage) -> None:
        connect = ["STM32_Programmer_CLI", "-c", "port=SWD", "mode=HOTPLUG", "ap=1"]
        write = [*connect, "-w", "OUT/imse-firmware.hex", "-v", "--start", "0x34181000"]
        assert argv_of("stm32cubeprogrammer", FlashRequest(N6, ram_image)) == [write]
        stays = FlashRequest(N6, ram_image, reset=False)
        assert argv_of("stm32cubeprogrammer", stays) == [write[:-2]]

    def test_jlink_enters_as_a_reset_would(self, ram_image: FlashImage) -> None:
        request = FlashRequest(N6, ram_image)
        (step,) = RUNNERS.get("jlink")().flash(request, dry_run=True).steps
        assert step.files["commands.jlink"].splitlines() == [
            "h",
            f'loadfile "{ram_image.hex}"',
            f'verifybin "{ram_image.bin}", 0x34181000',
            "w4 0xe000ed08, 0x34181000",
            "wreg XPSR, 0x01000000",
            "wreg MSP, 0x30002000",
            "SetPC 0x34181400",
            "g",
            "exit",
        ]

    def test_pyocd_enters_as_a_reset_would(self, ram_image: FlashImage) -> None:
        (argv,) = argv_of("pyocd", FlashRequest(N6, ram_image))
        where = "0x34181000 'OUT/imse-firmware.bin'"
        assert argv[2:5] == ["--no-wait", "--target", "stm32n657x0hxq"]
        assert argv[6::2] == [
            "halt",
            f"loadmem {where}",
            f"compare {where}",
            "write32 0xe000ed08 0x34181000",
            "wreg xpsr 0x01000000",
            "wreg msp 0x30002000",
            "wreg pc 0x34181400",
            "go",
        ]

    @pytest.mark.parametrize(
        ("server", "before", "after"),
        [
            ("openocd", ["monitor halt"], ["monitor resume"]),
            ("pyocd", ["monitor halt"], ["monitor go"]),
            ("jlink", ["monitor halt"], ["monitor go"]),
            ("qemu", [], []),
        ],
    )
    def test_gdb_enters_as_a_reset_would(
        self, server: str, before: list[str], after: list[str], ram_image: FlashImage
    ) -> None:
        request = FlashRequest(N6, ram_image, probe=f"{server}@host:1")
        (argv,) = argv_of("gdb", request)
        commands = [argv[i + 1] for i, word in enumerate(argv) if word == "-ex"][4:]
        assert commands == [
            *before,
            *("load", "compare-sections"),
            "set *(unsigned int*)0xe000ed08 = 0x34181000",
            "set $xpsr = 0x01000000",
            "set $sp = *(unsigned int*)0x34181000",
            "set $pc = *(unsigned int*)0x34181004 & ~1u",
            *after,
            "detach",
        ]

    @pytest.mark.parametrize("name", ["stlink", "openocd"])
    def test_what_only_writes_flash_refuses(self, name: str) -> None:
        with pytest.raises(FlashError, match="this image goes to RAM") as caught:
            choose_runner(N6, name)
        assert caught.value.failure is Failure.UNSUPPORTED


def fake_tool(outputs: Sequence[tuple[int, str]], seen: list[list[str]]) -> object:
    remaining = list(outputs)

    def execute(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        seen.append(list(argv))
        code, text = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return subprocess.CompletedProcess(list(argv), code, text, "")

    return execute


def flash(runner: FlashRunner, request: FlashRequest, *outputs: tuple[int, str]) -> list[list[str]]:
    seen: list[list[str]] = []
    runner.flash(request, execute=fake_tool(outputs, seen))  # type: ignore[arg-type]
    return seen


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize("name", sorted(READ_ID))
class TestEveryProgram:
    def test_success(self, name: str, image: FlashImage) -> None:
        runner = RUNNERS.get(name)()
        request = FlashRequest(TARGET, image)
        seen: list[list[str]] = []
        execute = fake_tool([(0, READ_ID[name]), (0, WRITTEN[name])], seen)
        report = runner.flash(request, execute=execute)  # type: ignore[arg-type]
        assert len(seen) == len(report.steps) >= 2
        assert (report.identified, report.verified, report.reset) == (True, True, True)
        assert not any(WORK in word for argv in seen for word in argv)
        assert json.loads(json.dumps(report.to_json()))["runner"] == name

    def test_a_dry_run_executes_nothing(self, name: str, image: FlashImage) -> None:
        seen: list[list[str]] = []
        runner = RUNNERS.get(name)()
        report = runner.flash(
            FlashRequest(TARGET, image),
            dry_run=True,
            execute=fake_tool([(0, "")], seen),  # type: ignore[arg-type]
        )
        assert seen == []
        assert (report.identified, report.verified, report.reset) == (False, False, False)

    def test_another_chip_is_noticed_before_anything_is_written(
        self, name: str, image: FlashImage
    ) -> None:
        other = READ_ID[name].replace("6450", "6413").replace("0x450", "0x413")
        seen: list[list[str]] = []
        with pytest.raises(FlashError, match="identity 0x413, expected 0x450") as caught:
            RUNNERS.get(name)().flash(
                FlashRequest(TARGET, image),
                execute=fake_tool([(0, other)], seen),  # type: ignore[arg-type]
            )
        assert caught.value.failure is Failure.WRONG_CHIP
        assert len(seen) == 1

    def test_a_chip_that_does_not_say_who_it_is(self, name: str, image: FlashImage) -> None:
        with pytest.raises(FlashError) as caught:
            flash(RUNNERS.get(name)(), FlashRequest(TARGET, image), (0, "nothing of use"))
        assert caught.value.failure is Failure.NO_TARGET

    def test_an_unknown_failure_shows_what_the_tool_said(
        self, name: str, image: FlashImage
    ) -> None:
        with pytest.raises(FlashError, match="the gremlins failed") as caught:
            flash(
                RUNNERS.get(name)(),
                FlashRequest(TARGET, image),
                (0, READ_ID[name]),
                (7, "one line\nthe gremlins failed\n"),
            )
        assert caught.value.failure is Failure.OTHER

    def test_a_missing_image(self, name: str, image: FlashImage) -> None:
        image.bin.unlink()
        with pytest.raises(FlashError, match=r"the image imse-firmware\.bin is missing"):
            flash(RUNNERS.get(name)(), FlashRequest(TARGET, image), (0, ""))


@pytest.mark.parametrize(
    ("name", "failure", "output"),
    [
        # Texts of OpenOCD 0.12, as its sources and a run without a board have them.
        ("openocd", Failure.NO_PROBE, "Error: open failed\n"),
        ("openocd", Failure.NO_PROBE, "Error: unable to find a matching CMSIS-DAP device"),
        ("openocd", Failure.NO_PROBE, "Error: No J-Link device found"),
        ("openocd", Failure.NO_PROBE, "Error: ST-LINK open failed (serial mismatch)"),
        ("openocd", Failure.NO_PROBE, "Error: No device matches the serial string"),
        ("openocd", Failure.SEVERAL_PROBES, "Error: Multiple devices found, specify the desired"),
        (
            "openocd",
            Failure.PROBE_ACCESS,
            "Error: libusb_open() failed with LIBUSB_ERROR_ACCESS\nError: open failed",
        ),
        ("openocd", Failure.WRONG_CHIP, "Warn : JTAG tap: x UNEXPECTED idcode: 0x2ba01477"),
        ("openocd", Failure.WRONG_CHIP, "Warn : Cannot identify target as a STM32H7xx family."),
        (
            "openocd",
            Failure.LOCKED,
            "Error: wait_flash_op_queue, WRPERR detected\n"
            "Error: erase time-out or operation error sector 0\n** Programming Failed **",
        ),
        ("openocd", Failure.LOCKED, "Error: flash not unlocked STM32_FLASH_CRx: 0x31"),
        ("openocd", Failure.VERIFY, "Error: checksum mismatch - attempting binary compare"),
        ("openocd", Failure.VERIFY, "** Verify Failed **"),
        ("openocd", Failure.NO_TARGET, "Error: init mode failed (unable to connect to the target)"),
        ("openocd", Failure.NO_TARGET, "Error: Error connecting DP: cannot read IDR"),
        ("openocd", Failure.OTHER, "embedded:startup.tcl:1: Error: Can't find board/st_x.cfg"),
        # Texts of stlink-tools 1.7.
        ("stlink", Failure.NO_PROBE, "WARN usb.c: Couldn't find any ST-Link devices"),
        ("stlink", Failure.NO_PROBE, "Found 0 stlink programmers"),
        ("stlink", Failure.PROBE_ACCESS, "Could not open USB device 0x0483:0x374e, access error."),
        (
            "stlink",
            Failure.PROBE_ACCESS,
            "Stlink usb device found, but unable to claim (probably already in use?)",
        ),
        ("stlink", Failure.WRONG_CHIP, "WARN common.c: unknown chip id! 0x5fa0004"),
        ("stlink", Failure.LOCKED, "ERROR common.c: Flash memory is write protected"),
        ("stlink", Failure.LOCKED, "ERROR common.c: Failed to unlock flash!"),
        (
            "stlink",
            Failure.LOCKED,
            "Flash unlock failed! System reset required to be able to unlock it again!",
        ),
        ("stlink", Failure.VERIFY, "ERROR common.c: Verification of flash failed at offset: 0"),
        ("stlink", Failure.NO_TARGET, "ERROR common.c: Failed to connect to target"),
        (
            "stlink",
            Failure.NO_TARGET,
            "Can not connect to target. Please use 'connect under reset' and try again",
        ),
        ("stlink", Failure.OTHER, "stlink_flash_loader_run(0x8000000) failed! == -1"),
        # Texts of STM32CubeProgrammer 2.4 to 2.20, from its users' reports.
        ("stm32cubeprogrammer", Failure.NO_PROBE, "Error: No debug probe detected."),
        (
            "stm32cubeprogrammer",
            Failure.NO_TARGET,
            "Error: No STM32 target found! If your product embeds Debug Authentication, please",
        ),
        ("stm32cubeprogrammer", Failure.PROBE_ACCESS, "Error: ST-LINK error (DEV_USB_COMM_ERR)"),
        ("stm32cubeprogrammer", Failure.PROBE_ACCESS, "ST-LINK error (DEV_CONNECT_ERR)"),
        ("stm32cubeprogrammer", Failure.NO_TARGET, "Error: ST-LINK error (DEV_TARGET_CMD_ERR)"),
        # An STM32N657 with read-out protection, version 2.20.
        (
            "stm32cubeprogrammer",
            Failure.LOCKED,
            "Device ID : 0x486\nRevision ID : Rev Z\nUPLOADING ...\nSize : 1024 Bytes\n"
            "Read progress:\nError: Data read failed\n"
            "Warning: Connection to device 0x486 is lost\n",
        ),
        (
            "stm32cubeprogrammer",
            Failure.LOCKED,
            "MASS ERASE ...\nError: Mass erase operation failed.Please verify flash protection\n"
            "Error: Unable to get core ID\nWarning: Connection to device 0x466 is lost\n",
        ),
        ("stm32cubeprogrammer", Failure.LOCKED, "Error: Readout protection is activated"),
        (
            "stm32cubeprogrammer",
            Failure.LOCKED,
            "Error: Failed to download data! If it's a Flash memory, it may be not erased or "
            "protected\nDownload verified successfully",
        ),
        ("stm32cubeprogrammer", Failure.LOCKED, "Error: failed to erase memory"),
        (
            "stm32cubeprogrammer",
            Failure.VERIFY,
            "Error: Data mismatch found at address 0x0800FF3C (byte = 0x00 instead of 0xFF)",
        ),
        (
            "stm32cubeprogrammer",
            Failure.VERIFY,
            "File download complete\nVerifying ...\nRead progress:\n"
            "Error: Data mismatch found at address 0x08010000 (byte = 0xFF instead of 0x00)\n"
            "Error: Download verification failed\n",
        ),
        # Texts of J-Link Commander: no probe 6.44c, no chip 7.80c, verifybin and loadfile of users'
        # reports, protection as SEGGER's forum has it, the last from 4.90e.
        (
            "jlink",
            Failure.NO_PROBE,
            "J-Link connection not established yet but required for command.\n"
            "Connecting to J-Link via USB...FAILED: Cannot connect to J-Link via USB.\n",
        ),
        (
            "jlink",
            Failure.NO_TARGET,
            'Device "CORTEX-M4" selected.\n\n\nConnecting to target via SWD\n'
            "Failed to attach to CPU. Trying connect under reset.\nCannot connect to target.\n",
        ),
        ("jlink", Failure.LOCKED, "Active read protected STM32 device detected."),
        ("jlink", Failure.LOCKED, "active write protected STM32 device detected"),
        (
            "jlink",
            Failure.VERIFY,
            "J-Link>verifybin /tmp/led.bin, 0x0\nLoading binary file /tmp/led.bin\n"
            "Reading 100 bytes data from target memory @ 0x00000000.\n"
            "Verify failed @ address 0x0000001C.\nExpected 0C read 8A",
        ),
        (
            "jlink",
            Failure.OTHER,
            "Failed to prepare for programming.\nCould not preserve target memory.",
        ),
        ("jlink", Failure.OTHER, "Unspecified error -1"),
        ("gdb", Failure.NO_PROBE, "localhost:3333: Connection refused."),
        ("gdb", Failure.VERIFY, "Section .text, range 0x8000000 -- 0x8000040: MIS-MATCHED!"),
        ("gdb", Failure.NO_TARGET, "Remote connection closed"),
    ],
)
@pytest.mark.usefixtures("everything_installed")
def test_failures_are_told_apart(
    name: str, failure: Failure, output: str, image: FlashImage
) -> None:
    with pytest.raises(FlashError) as caught:
        flash(RUNNERS.get(name)(), FlashRequest(TARGET, image), (0, READ_ID[name]), (1, output))
    assert caught.value.failure is failure
    assert caught.value.hint
    assert any(line and line in caught.value.message for line in output.splitlines())


@pytest.mark.usefixtures("everything_installed")
def test_stlink_chooses_among_several_probes(image: FlashImage) -> None:
    several = (
        "Found 2 stlink programmers\n  version: V2J37\n  serial: 0A\n  chipid: 0x413\n"
        "  version: V3\n  serial: 0B\n  chipid: 0x450\n"
    )
    runner = RUNNERS.get("stlink")()
    written = (0, WRITTEN["stlink"])
    with pytest.raises(FlashError) as caught:
        flash(runner, FlashRequest(TARGET, image), (0, several), written)
    assert caught.value.failure is Failure.SEVERAL_PROBES
    assert len(flash(runner, FlashRequest(TARGET, image, probe="0b"), (0, several), written)) == 2
    with pytest.raises(FlashError, match="identity 0x413"):
        flash(runner, FlashRequest(TARGET, image, probe="0A"), (0, several), written)
    with pytest.raises(FlashError, match="no debug probe with serial 0C"):
        flash(runner, FlashRequest(TARGET, image, probe="0C"), (0, several), written)


def test_a_tool_that_says_nothing_has_not_written(
    image: FlashImage, everything_installed: None
) -> None:
    with pytest.raises(FlashError) as caught:
        flash(
            RUNNERS.get("openocd")(), FlashRequest(TARGET, image), (0, READ_ID["openocd"]), (0, "")
        )
    assert caught.value.failure is Failure.OTHER


def test_the_best_installed_runner_is_chosen(
    monkeypatch: pytest.MonkeyPatch, everything_installed: None
) -> None:
    assert choose_runner(TARGET).name == "stm32cubeprogrammer"
    monkeypatch.setattr(process, "which", lambda tool: None if "STM32" in tool else Path(tool))
    assert choose_runner(TARGET).name == "openocd"
    assert choose_runner(TARGET, "jlink").name == "jlink"


def test_without_any_tool_all_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "which", lambda tool: None)
    monkeypatch.setattr(PyocdRunner, "available", lambda self: False)
    with pytest.raises(FlashError, match="no tool to program nucleo_h743zi2") as caught:
        choose_runner(TARGET)
    assert caught.value.failure is Failure.NO_TOOL
    assert "apt install openocd" in caught.value.hint
    assert "pyocd" in caught.value.hint


def test_names_and_boards_nobody_knows() -> None:
    with pytest.raises(UnknownNameError, match="unknown flash runner 'openoc'"):
        choose_runner(TARGET, "openoc")
    emulated = load_target("qemu_m7")
    with pytest.raises(FlashError, match="no flash tool knows mps2_an500") as caught:
        choose_runner(emulated)
    assert caught.value.hint.startswith("it is an emulated board, which needs no flashing")
    with pytest.raises(FlashError, match="no flash tool knows alif_e7_dk") as caught:
        choose_runner(load_target("alif_e7_dk"))
    assert "SETOOLS" in caught.value.hint
    assert "emulated" not in caught.value.hint
    with pytest.raises(FlashError, match="openocd cannot program mps2_an500: OpenOCD has no"):
        choose_runner(emulated, "openocd")


def test_a_missing_tool_names_its_package(
    monkeypatch: pytest.MonkeyPatch, image: FlashImage
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolNotFoundError) as caught:
        RUNNERS.get("openocd")().flash(FlashRequest(TARGET, image))
    assert "apt install openocd" in caught.value.hint


def test_openocd_refuses_a_path_it_would_misread(tmp_path: Path) -> None:
    folder = tmp_path / "a{b"
    folder.mkdir()
    paths = [folder / name for name in ("a.elf", "a.bin", "a.hex")]
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(FlashError, match="path with braces"):
        RUNNERS.get("openocd")().flash(FlashRequest(TARGET, FlashImage(*paths)), dry_run=True)


@pytest.mark.parametrize("name", ["openocd", "stlink", "pyocd"])
def test_the_real_tool_without_a_probe(name: str, image: FlashImage) -> None:
    """Checks argument lists and messages against the tools that happen to be installed."""
    runner = RUNNERS.get(name)()
    if not runner.available():
        pytest.skip(f"{name} is not installed")
    with pytest.raises(FlashError) as caught:
        runner.flash(FlashRequest(TARGET, image))
    assert caught.value.failure is Failure.NO_PROBE


def test_openocd_takes_swd_of_a_jlink(image: FlashImage) -> None:
    board = dataclasses.replace(TARGET.board, openocd=None, probe="jlink")
    request = FlashRequest(dataclasses.replace(TARGET, board=board), image)
    for argv in argv_of("openocd", request):
        assert argv[1:7] == [
            *("-f", "interface/jlink.cfg", "-c", "transport select swd"),
            *("-f", "target/stm32h7x.cfg"),
        ]


def test_pyocd_knows_the_chips_or_the_file_names_their_pack() -> None:
    known = pytest.importorskip("pyocd.target", reason="pyocd is not installed").TARGET
    for target in list_targets():
        debug = target.mcu.debug
        assert debug.pyocd is None or (debug.pyocd in known) != bool(debug.pyocd_pack), target.name


def test_openocd_has_the_configurations_that_target_files_name() -> None:
    scripts = Path("/usr/share/openocd/scripts")
    if not scripts.is_dir():
        pytest.skip("openocd is not installed")
    for target in list_targets():
        for name in (target.board.openocd, target.mcu.debug.openocd):
            assert name is None or (scripts / name).is_file(), f"{target.name}: {name}"
