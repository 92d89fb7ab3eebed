"""Sizing the arena of the TFLM interpreter by a run of the image on the emulator.

What the interpreter needs depends on its version, its kernels and the processor, so it is asked:
the image is built with an estimate, prepares the model on the emulator, and says what it took.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.device import open_device

if TYPE_CHECKING:
    from firmware_gen.options import FirmwareOptions
    from imse_mcu.buildfolder import BuildFolder
    from targets.emulators.unicorn import UnicornMachine

_MESSAGE_BYTES = 160
_ROUNDS = 6
_SLACK_BYTES = 512


class ArenaError(ImseMcuError):
    """The interpreter in the image cannot prepare the model."""


class TflmStatus(IntEnum):
    """What became of the preparation, as the runner in the image says."""

    NOT_PREPARED = 0
    READY = 1
    WRONG_SCHEMA = 2
    REGISTRATION_FAILED = 3
    ALLOCATION_FAILED = 4
    WRONG_SHAPES = 5
    INVOKE_FAILED = 6


_REASONS = {
    TflmStatus.NOT_PREPARED: "the image never prepared the model",
    TflmStatus.WRONG_SCHEMA: "the library reads another version of the .tflite schema",
    TflmStatus.REGISTRATION_FAILED: "the library could not register the model's operators",
    TflmStatus.ALLOCATION_FAILED: "the arena is too small, or a kernel refuses an operator",
    TflmStatus.WRONG_SHAPES: "the library sees other tensor sizes than the model has",
    TflmStatus.INVOKE_FAILED: "a kernel failed while it computed",
}


@dataclass(frozen=True)
class ArenaUse:
    """What the interpreter in an image says.

    Attributes:
        status: What became of the preparation.
        used_bytes: Bytes of the arena that it took, 0 unless the model was prepared.
        message: First complaint of the library, ``""`` if none or built without messages.
    """

    status: TflmStatus
    used_bytes: int
    message: str


def measure(build: BuildFolder) -> ArenaUse | None:
    """Lets the image of a build prepare its model on the emulator.

    Args:
        build: A compiled build with the tflm runtime.

    Returns:
        What the interpreter says, or ``None`` where the emulator's memory cannot be read.

    Raises:
        ImseMcuError: If the image does not start, or fails in another way than in the network.
    """
    from targets.link import DeviceFaultError
    from targets.protocol import ErrorCode

    with open_device(build, "emulator") as device:
        if device.machine is None:
            return None
        info = device.link.hello()
        device.link.reset()
        try:
            device.link.process(bytes(2 * info.hop))
        except DeviceFaultError as error:
            if error.error.code != ErrorCode.NETWORK_FAILED:
                raise
        return _read(device.machine)


def _read(machine: UnicornMachine) -> ArenaUse:
    """Reads what the runner left in its variables."""
    status, used = _word(machine, "imse_tflm_status"), _word(machine, "imse_tflm_arena_used")
    # The linker leaves it out where the library has no messages.
    silent = machine.image.symbol("imse_tflm_message") is None
    message = 0 if silent else _word(machine, "imse_tflm_message")
    text = machine.read_memory(message, _MESSAGE_BYTES) if message else b""
    return ArenaUse(TflmStatus(status), used, text.split(b"\0")[0].decode("ascii", "replace"))


def _word(machine: UnicornMachine, symbol: str) -> int:
    address = machine.image.symbol(symbol)
    if address is None:
        raise ArenaError(
            f"the image has no symbol {symbol}", hint="build with --runtime tflm, unstripped"
        )
    return int(struct.unpack("<I", machine.read_memory(address, 4))[0])


def fit(
    options: FirmwareOptions,
    first: ArenaUse,
    arena_bytes: int,
    rebuild: Callable[[FirmwareOptions], tuple[ArenaUse, int]],
) -> FirmwareOptions:
    """Finds the options with which the arena is as large as the interpreter needs.

    Args:
        options: Options of the image that was measured first.
        first: What it says.
        arena_bytes: Size of its arena.
        rebuild: Builds and measures with other options: what the interpreter then says, and the
            size of the arena.

    Returns:
        Options whose image was built last and prepares the model.

    Raises:
        ArenaError: The interpreter does not prepare the model with any arena that was tried.
        ModelTooBigError: The arena it needs does not fit the target.
    """
    use, size = first, arena_bytes
    exact, slack = None, 0
    for _ in range(_ROUNDS):
        if use.status is TflmStatus.READY:
            exact = use.used_bytes
        elif use.status is not TflmStatus.ALLOCATION_FAILED:
            break
        elif exact is not None:
            slack += _SLACK_BYTES
        wanted = size + size // 2 if exact is None else exact + slack
        if use.status is TflmStatus.READY and options.tflm_arena_used_bytes == wanted:
            return options
        options = replace(options, tflm_arena_used_bytes=wanted)
        use, size = rebuild(options)
    said = f"; it says: {use.message}" if use.message else ""
    raise ArenaError(
        f"TFLM does not prepare the model: {_REASONS[use.status]} (arena of {size:,} bytes){said}",
        hint="the version of TFLM known to work is in docs/performance.md"
        if use.message
        else "build TFLM with BUILD_TYPE=release_with_logs to see what it says",
    )
