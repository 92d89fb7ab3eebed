"""The one place where imse-mcu starts other programs.

Tools are found by :func:`find_tool` (override variable, then ``PATH``, then the scripts folder of
the running Python) and run by :func:`run`, which logs the argument vector, takes no shell, and
turns a missing tool, a failure or a time-out into one clear error.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imse_mcu.core.errors import ImseMcuError

CompletedProcess = subprocess.CompletedProcess[str]

_log = logging.getLogger("imse_mcu.process")

#: Which package brings a tool: name -> how to install it.
TOOL_PACKAGES: Mapping[str, str] = {
    "arm-none-eabi-gcc": "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "arm-none-eabi-g++": "apt install gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib",
    "arm-none-eabi-objcopy": "apt install binutils-arm-none-eabi",
    "arm-none-eabi-objdump": "apt install binutils-arm-none-eabi",
    "arm-none-eabi-size": "apt install binutils-arm-none-eabi",
    "arm-none-eabi-nm": "apt install binutils-arm-none-eabi",
    "arm-none-eabi-gdb": "apt install gdb-multiarch",
    "gdb-multiarch": "apt install gdb-multiarch",
    "cmake": "apt install cmake",
    "ninja": "apt install ninja-build",
    "make": "apt install make",
    "gcc": "apt install gcc",
    "g++": "apt install g++",
    "cc": "apt install gcc",
    "qemu-system-arm": "apt install qemu-system-arm",
    "openocd": "apt install openocd",
    "st-flash": "apt install stlink-tools",
    "st-info": "apt install stlink-tools",
    "pyocd": "pip install 'imse-mcu[pyocd]'",
    "STM32_Programmer_CLI": "STM32CubeProgrammer, from ST's site",
    "JLinkExe": "SEGGER's J-Link software pack",
    "vela": "pip install ethos-u-vela",
    "git": "apt install git",
}

_MAX_ERROR_LINES = 12


class ToolNotFoundError(ImseMcuError):
    """A program that is needed is not installed.

    Attributes:
        tool: Name of the program.
    """

    exit_code = 3

    def __init__(self, tool: str, *, what: str = "") -> None:
        self.tool = tool
        purpose = f", needed to {what}" if what else ""
        super().__init__(
            f"{tool} is not installed{purpose}",
            hint=f"{install_hint(tool)}, or set {override_variable(tool)} to its path",
        )


class ProcessError(ImseMcuError):
    """A program ran and failed, could not be started or took too long.

    Attributes:
        argv: The command that failed.
        returncode: Its exit status, or None when it did not finish.
        output: Its standard output and standard error.
    """

    exit_code = 4

    def __init__(
        self, message: str, *, argv: Sequence[str], returncode: int | None, output: str, hint: str
    ) -> None:
        super().__init__(message, hint=hint)
        self.argv = tuple(argv)
        self.returncode = returncode
        self.output = output


def override_variable(tool: str) -> str:
    """Returns the environment variable that names another path for ``tool``."""
    return "IMSE_MCU_" + re.sub(r"[^A-Z0-9]", "_", tool.upper().replace("+", "X"))


def install_hint(tool: str) -> str:
    """Returns one sentence on how to install ``tool``."""
    package = TOOL_PACKAGES.get(tool)
    return f"install it with: {package}" if package else "install it and put it on PATH"


def which(tool: str) -> Path | None:
    """Finds a program without raising.

    Args:
        tool: Name of the program, without a folder.

    Returns:
        Its path, or None when it is not installed.
    """
    override = os.environ.get(override_variable(tool))
    if override:
        path = Path(override)
        return path if path.is_file() and os.access(path, os.X_OK) else None
    found = shutil.which(tool) or shutil.which(tool, path=str(Path(sys.executable).parent))
    return Path(found) if found else None


def find_tool(name: str, *, what: str = "") -> Path:
    """Finds a program.

    Args:
        name: Name of the program, for example ``arm-none-eabi-gcc``.
        what: What it is needed for, completing "needed to ...".

    Returns:
        Path of the program.

    Raises:
        ToolNotFoundError: If it is not installed; the hint names the package that brings it.
    """
    path = which(name)
    if path is None:
        raise ToolNotFoundError(name, what=what)
    return path


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    what: str = "",
    timeout_s: float | None = None,
    stdin: str | None = None,
    check: bool = True,
    dry_run: bool = False,
) -> CompletedProcess:
    """Runs a program and returns what it printed.

    Args:
        argv: Program and arguments; a program without a folder is looked up by :func:`find_tool`.
        cwd: Working directory.
        env: Variables added to the environment.
        what: What is being done, completing "could not ..."; part of the error message.
        timeout_s: Time limit in seconds.
        stdin: Text for its standard input; empty when None.
        check: Raise when the exit status is not 0.
        dry_run: Only log the command and return a successful, empty result.

    Returns:
        The finished process with text ``stdout`` and ``stderr``.

    Raises:
        ToolNotFoundError: If the program is not installed.
        ProcessError: If it fails (with ``check``), cannot be started or exceeds ``timeout_s``.
    """
    words = [os.fspath(word) for word in argv]
    if not words:
        raise ValueError("argv is empty")
    where = f" (in {os.fspath(cwd)})" if cwd is not None else ""
    if dry_run:
        _log.info("would run: %s%s", shlex.join(words), where)
        return subprocess.CompletedProcess(words, 0, "", "")
    name = words[0]
    if os.sep not in name:
        words[0] = str(find_tool(name, what=what))
    _log.info("run: %s%s", shlex.join(words), where)
    title = f"could not {what}" if what else f"{Path(name).name} failed"
    environment = {**os.environ, **env} if env else None
    try:
        with subprocess.Popen(
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as child:
            try:
                stdout, stderr = child.communicate(stdin or "", timeout=timeout_s)
            except BaseException:
                _end_group(child)
                raise
    except FileNotFoundError as error:
        if cwd is not None and not Path(cwd).is_dir():
            raise ProcessError(
                f"{title}: there is no folder {os.fspath(cwd)}",
                argv=words,
                returncode=None,
                output="",
                hint="build again, the folder is gone",
            ) from error
        raise ToolNotFoundError(Path(name).name, what=what) from error
    except OSError as error:
        raise ProcessError(
            f"{title}: cannot start {words[0]}: {error.strerror}",
            argv=words,
            returncode=None,
            output="",
            hint="check that the file is a program and may be executed",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ProcessError(
            f"{title}: {Path(name).name} did not finish within {error.timeout:g} s",
            argv=words,
            returncode=None,
            output="",
            hint="run again with -v to see the command, and try it by hand",
        ) from error
    _log.debug("exit %d of %s\n%s%s", child.returncode, Path(name).name, stdout, stderr)
    if check and child.returncode != 0:
        raise _failure(title, words, child.returncode, stdout, stderr)
    return subprocess.CompletedProcess(words, child.returncode, stdout, stderr)


def start(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    what: str = "",
) -> subprocess.Popen[bytes]:
    """Starts a program that runs beside this one, such as an emulator or a GDB server.

    The caller ends it with :func:`stop`, best in a ``finally``.

    Args:
        argv: Program and arguments; a program without a folder is looked up by :func:`find_tool`.
        cwd: Working directory.
        env: Variables added to the environment.
        what: What it is needed for, completing "could not ...".

    Returns:
        The running process with binary, unbuffered ``stdin``, ``stdout`` and ``stderr`` pipes, in
        a process group of its own.

    Raises:
        ToolNotFoundError: If the program is not installed.
        ProcessError: If it cannot be started.
    """
    words = [os.fspath(word) for word in argv]
    name = words[0]
    if os.sep not in name:
        words[0] = str(find_tool(name, what=what))
    _log.info("start: %s", shlex.join(words))
    try:
        return subprocess.Popen(
            words,
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        raise ProcessError(
            f"could not {what or f'start {Path(name).name}'}: cannot start {words[0]}: "
            f"{error.strerror}",
            argv=words,
            returncode=None,
            output="",
            hint="check that the file is a program and may be executed",
        ) from error


def stop(child: subprocess.Popen[bytes]) -> None:
    """Ends a program begun with :func:`start` and everything it started, and closes its pipes."""
    if child.poll() is None:
        _end_group(child)
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    child.wait()


def _failure(
    title: str, words: Sequence[str], returncode: int, stdout: str, stderr: str
) -> ProcessError:
    """Builds the error of a program that ended with a non-zero status."""
    lines = [line for line in (stderr.strip() or stdout.strip()).splitlines() if line.strip()]
    wanted = [line for line in lines if re.search(r"\berror\b|undefined reference", line, re.I)]
    first = (wanted or lines or ["it printed nothing"])[0].strip()
    tail = "\n  ".join(lines[-_MAX_ERROR_LINES:])
    return ProcessError(
        f"{title}: {Path(words[0]).name} ended with status {returncode}: {first}",
        argv=words,
        returncode=returncode,
        output=stdout + stderr,
        hint=f"run again with -v to see the command; it said:\n  {tail}" if tail else "",
    )


def _end_group(child: subprocess.Popen[Any]) -> None:
    """Ends a child and everything it started."""
    try:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(timeout=3)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
