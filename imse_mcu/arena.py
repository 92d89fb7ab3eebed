"""Sizing the arena of the TFLM interpreter by a run of the image on the emulator.

What the interpreter needs depends on its version, its kernels and the processor, so it is asked:
the image is built with an estimate, prepares the model on the emulator, and says what it took.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from imse_mcu.core.errors import ImseMcuError
from imse_mcu.device import open_device
from targets.protocol import DeviceState, NetworkState

if TYPE_CHECKING:
    from firmware_gen.options import FirmwareOptions
    from imse_mcu.buildfolder import BuildFolder

_ROUNDS = 6
_SLACK_BYTES = 512


class ArenaError(ImseMcuError):
    """The interpreter in the image cannot prepare the model."""


_REASONS = {
    NetworkState.NOT_PREPARED: "the image never prepared the model",
    NetworkState.WRONG_SCHEMA: "the library reads another version of the .tflite schema",
    NetworkState.REGISTRATION_FAILED: "the library could not register the model's operators",
    NetworkState.ALLOCATION_FAILED: "the arena is too small, or a kernel refuses an operator",
    NetworkState.WRONG_SHAPES: "the library sees other tensor sizes than the model has",
    NetworkState.INVOKE_FAILED: "a kernel failed while it computed",
}


def failure(state: DeviceState) -> ArenaError:
    """Says in words why the network of an image does not work.

    Args:
        state: What the image says; its network is not ready.
    """
    said = f"; it says: {state.message}" if state.message else ""
    return ArenaError(
        f"TFLM does not prepare the model: {_REASONS[state.network]} "
        f"(arena of {state.arena_bytes:,} bytes){said}",
        hint="the version of TFLM known to work is in docs/performance.md"
        if state.message
        else "build TFLM with BUILD_TYPE=release_with_logs to see what it says",
    )


def measure(build: BuildFolder) -> DeviceState:
    """Lets the image of a build prepare its model on the emulator.

    Args:
        build: A compiled build with the tflm runtime.

    Returns:
        How the image fares before the first frame.

    Raises:
        ImseMcuError: If the image does not start.
    """
    with open_device(build, "emulator") as device:
        device.link.hello()
        device.link.reset()
        return device.link.state()


def fit(
    options: FirmwareOptions,
    first: DeviceState,
    rebuild: Callable[[FirmwareOptions], DeviceState],
) -> FirmwareOptions:
    """Finds the options with which the arena is as large as the interpreter needs.

    Args:
        options: Options of the image that was measured first.
        first: What it says.
        rebuild: Builds and measures with other options: what the interpreter then says.

    Returns:
        Options whose image was built last and prepares the model.

    Raises:
        ArenaError: The interpreter does not prepare the model with any arena that was tried.
        ModelTooBigError: The arena it needs does not fit the target.
    """
    state, exact, slack = first, None, 0
    for _ in range(_ROUNDS):
        if state.network is NetworkState.READY:
            exact = state.arena_used_bytes
        elif state.network is not NetworkState.ALLOCATION_FAILED:
            break
        elif exact is not None:
            slack += _SLACK_BYTES
        wanted = state.arena_bytes * 3 // 2 if exact is None else exact + slack
        if state.network is NetworkState.READY and options.tflm_arena_used_bytes == wanted:
            return options
        options = replace(options, tflm_arena_used_bytes=wanted)
        state = rebuild(options)
    raise failure(state)
