"""The command line as a user meets it: help, errors as one line and a hint, JSON, exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from imse_mcu.cli import main as main_module
from imse_mcu.cli.main import COMMANDS, cli, main
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.process import ToolNotFoundError

Capture = pytest.CaptureFixture[str]


def error_lines(capsys: Capture) -> list[str]:
    """Returns standard error and checks that it is an error and a hint, no traceback."""
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    found = [line for line in lines if line.startswith("error: ")]
    assert len(found) == 1, captured.err
    assert "Traceback" not in captured.err
    return lines


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Makes ``imse-mcu doctor`` raise."""

    @click.command("doctor")
    @click.option("--json", is_flag=True)
    def command(json: bool) -> None:
        raise error

    monkeypatch.setattr(cli, "get_command", lambda context, name: command)


def test_every_command_has_help_with_an_example(capsys: Capture) -> None:
    for name in COMMANDS:
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"imse-mcu {name}" in text.partition("Usage:")[2].partition("\n")[2], name
        assert "--json" in text, name


def test_help_lists_every_command(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in COMMANDS)


def test_version(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("imse-mcu, version ")


def test_unknown_command_offers_close_ones(capsys: Capture) -> None:
    assert main(["bild"]) == 2
    assert error_lines(capsys) == ["error: unknown command 'bild'", "hint: did you mean build?"]


def test_unknown_option_points_to_help(capsys: Capture) -> None:
    assert main(["targets", "--nonsense"]) == 2
    lines = error_lines(capsys)
    assert "--nonsense" in lines[0]
    assert lines[1] == "hint: see imse-mcu targets --help"


def test_missing_argument(capsys: Capture) -> None:
    assert main(["build"]) == 2
    assert "--target" in error_lines(capsys)[0]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImseMcuError("it failed", hint="do that"), 1),
        (ToolNotFoundError("cmake"), 3),
        (KeyboardInterrupt(), 130),
        (MemoryError(), 1),
    ],
)
def test_errors_become_lines_and_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, error: BaseException, code: int
) -> None:
    fail_with(monkeypatch, error)
    assert main(["doctor"]) == code
    assert error_lines(capsys)[-1].startswith("hint: ")


def test_error_as_json(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    fail_with(monkeypatch, ImseMcuError("it failed", hint="do that"))
    assert main(["doctor", "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == {
        "error": {"kind": "ImseMcuError", "message": "it failed", "hint": "do that", "exit_code": 1}
    }


def test_bugs_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        main(["doctor"])


def test_json_may_stand_before_the_command(capsys: Capture) -> None:
    assert main(["--json", "models"]) == 0
    assert {m["name"] for m in json.loads(capsys.readouterr().out)} >= {"imse-stream"}


def test_targets_as_table_details_and_json(capsys: Capture) -> None:
    assert main(["targets"]) == 0
    assert "nucleo_h743zi2" in capsys.readouterr().out
    assert main(["targets", "stm32h7"]) == 0
    text = capsys.readouterr().out
    assert "0x24000000" in text
    assert "RM0433" in text
    assert main(["targets", "stm32h7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mcu"]["clock_hz"] == 480_000_000


def test_model_details(capsys: Capture) -> None:
    assert main(["models", "imse-stream", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["family"] == "imse-stream"
    assert data["config"]["frontend"]["hop"] == 256
    assert main(["models", "imse-stream"]) == 0
    text = capsys.readouterr().out
    assert "\n  frontend.level.attack: 0.05\n" in text
    assert "\n  channels: 16, 24, 32\n" in text
    assert "{" not in text.partition("# Model card")[0]
    assert text.count("  family") == 1


def test_doctor_says_what_is_missing_and_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("IMSE_MCU_ARM_NONE_EABI_GCC", "/nonexistent")
    assert main(["doctor", "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert data["missing"] == ["arm-none-eabi-gcc"]
    assert data["ready"] is False
    found = {entry["name"]: entry for entry in data["findings"]}
    assert "apt install gcc-arm-none-eabi" in found["arm-none-eabi-gcc"]["hint"]
    assert found["python"]["status"] == "ok"


def run_program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "imse_mcu", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_program_exits_with_the_status_and_prints_nothing_else() -> None:
    done = run_program("targets", "stm23h7")
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == "error: unknown target 'stm23h7'"
    assert "did you mean stm32h7" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_closed_pipe_is_no_traceback() -> None:
    code = "import sys; from imse_mcu.cli.main import main; sys.exit(main(['targets', '--json']))"
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=write,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    finally:
        os.close(write)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_unwind(tmp_path: Path, number: signal.Signals, status: int) -> None:
    code = (
        "import time, pathlib\n"
        "from imse_mcu.cli import main as m\n"
        "from imse_mcu.core.files import atomic_dir\n"
        "def work(arguments=None):\n"
        f"    with atomic_dir({str(tmp_path / 'out')!r}) as folder:\n"
        f"        pathlib.Path({str(tmp_path / 'ready')!r}).touch()\n"
        "        time.sleep(60)\n"
        "m.cli.main = lambda **rest: work()\n"
        "m.entry()\n"
    )
    # A test run in the background of a shell inherits an ignored SIGINT; a terminal never does.
    argv = [sys.executable, "-c", f"import signal as s; s.signal({int(number)}, s.SIG_DFL)\n"]
    argv[-1] += f"import os, sys; os.execv(sys.executable, [sys.executable, '-c', {code!r}])"
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as child:
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(number)
        _, text = child.communicate(timeout=60)
    assert child.returncode == status
    assert "Traceback" not in text
    assert [p.name for p in tmp_path.iterdir()] == ["ready"]


def test_libraries_are_quiet_before_they_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    main_module.main(["--version"])
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
