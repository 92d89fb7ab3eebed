from __future__ import annotations

import logging
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from imse_mcu.core.process import (
    TOOL_PACKAGES,
    ProcessError,
    ToolNotFoundError,
    find_tool,
    override_variable,
    run,
    start,
    stop,
)


def test_output_comes_back_as_text() -> None:
    done = run([sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"])
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 0)


def test_working_directory_environment_and_stdin(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['WANTED'], input())"
    done = run([sys.executable, "-c", code], cwd=tmp_path, env={"WANTED": "x"}, stdin="line\n")
    assert done.stdout.split() == [str(tmp_path), "x", "line"]


def test_failure_names_the_job_the_tool_and_the_first_error_line() -> None:
    code = "import sys; print('note'); print('a.c:3: error: no', file=sys.stderr); sys.exit(7)"
    with pytest.raises(ProcessError) as caught:
        run([sys.executable, "-c", code], what="compile the firmware")
    assert "could not compile the firmware" in caught.value.message
    assert "status 7: a.c:3: error: no" in caught.value.message
    assert caught.value.returncode == 7


def test_failure_without_check_is_returned() -> None:
    assert run([sys.executable, "-c", "raise SystemExit(3)"], check=False).returncode == 3


def test_missing_tool_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolNotFoundError) as caught:
        run(["arm-none-eabi-gcc", "--version"], what="compile the firmware")
    assert caught.value.message == (
        "arm-none-eabi-gcc is not installed, needed to compile the firmware"
    )
    assert "apt install gcc-arm-none-eabi" in caught.value.hint
    assert "IMSE_MCU_ARM_NONE_EABI_GCC" in caught.value.hint


def test_every_known_tool_has_a_distinct_override() -> None:
    assert len({override_variable(tool) for tool in TOOL_PACKAGES}) == len(TOOL_PACKAGES)


def test_override_wins_over_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "other"
    tool.write_text("#!/bin/sh\necho mine\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("IMSE_MCU_CMAKE", str(tool))
    assert find_tool("cmake") == tool
    assert run(["cmake"]).stdout == "mine\n"


def test_override_that_is_no_program_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMSE_MCU_CMAKE", str(tmp_path))
    with pytest.raises(ToolNotFoundError):
        find_tool("cmake")


def test_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\n"
        "child.wait()\n"
    )
    started = time.monotonic()
    with pytest.raises(ProcessError, match="did not finish within 1.5 s"):
        run([sys.executable, "-c", code], timeout_s=1.5)
    assert time.monotonic() - started < 20
    grandchild = int(pid_file.read_text())
    for _ in range(100):
        state = Path(f"/proc/{grandchild}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        os.kill(grandchild, 9)
        pytest.fail("the grandchild was left running")


def test_dry_run_starts_nothing_and_logs_the_command(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="imse_mcu.process"):
        done = run(["touch", str(tmp_path / "a b")], dry_run=True)
    assert done.returncode == 0
    assert not (tmp_path / "a b").exists()
    assert f"would run: touch '{tmp_path}/a b'" in caplog.text


def test_argument_vector_is_logged_and_no_shell_is_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="imse_mcu.process"):
        done = run([sys.executable, "-c", "import sys; print(sys.argv[1])", "$(id) *"])
    assert done.stdout == "$(id) *\n"
    assert "'$(id) *'" in caplog.text


def test_missing_working_directory(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="there is no folder"):
        run([sys.executable, "-c", ""], cwd=tmp_path / "gone")


def test_file_that_is_no_program(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("text")
    with pytest.raises(ProcessError, match="cannot start"):
        run([plain])


def test_started_program_talks_and_is_stopped() -> None:
    child = start([sys.executable, "-u", "-c", "print(input()); import time; time.sleep(60)"])
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"hello\n")
        assert child.stdout.readline() == b"hello\n"
    finally:
        stop(child)
    assert child.returncode == -15


def test_starting_a_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolNotFoundError, match="qemu-system-arm is not installed"):
        start(["qemu-system-arm"])
