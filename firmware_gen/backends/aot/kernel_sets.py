"""The kernel sets of the aot runtime, and which of them runs on which core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware_gen.backends.aot.cmsis_nn import find_cmsis_nn
from firmware_gen.backends.aot.emit.dsp import DspEmitter
from firmware_gen.backends.aot.emit.mve import MveEmitter
from firmware_gen.backends.aot.emit.portable import Emitter
from firmware_gen.errors import OptionError
from firmware_gen.options import FirmwareOptions
from targets.model import Mcu, Target

EMITTERS: dict[str, type[Emitter]] = {
    "portable": Emitter,
    "dsp": DspEmitter,
    "mve": MveEmitter,
}
"""What writes the layers with our kernels, by kernel set, the best one last."""

CMSIS_NN = "cmsis-nn"
"""Arm's functions where there is one, and the best of our sets for the rest."""


@dataclass(frozen=True)
class _Extension:
    """What a kernel set needs of a core.

    Attributes:
        title: Name of the extension for messages.
        on: Whether a microcontroller has it.
    """

    title: str
    on: Callable[[Mcu], bool]


_ANY_CORE = _Extension("nothing", lambda mcu: True)
_EXTENSIONS = {
    "dsp": _Extension("the DSP instructions", lambda mcu: mcu.has_dsp),
    "mve": _Extension("Helium (MVE)", lambda mcu: mcu.has_mve),
}


def choose_kernels(target: Target, wanted: str) -> str:
    """The kernel set for a target.

    Args:
        target: The board.
        wanted: ``auto``, or a kernel set by name.

    Returns:
        Name of a kernel set: with ``auto`` the best of ours that the core has.

    Raises:
        OptionError: The set does not exist, or does not run on the target's core.
    """
    mcu = target.mcu
    there = [name for name in EMITTERS if _EXTENSIONS.get(name, _ANY_CORE).on(mcu)]
    if wanted == "auto":
        return there[-1]
    if wanted == CMSIS_NN:
        return wanted
    if wanted not in EMITTERS:
        raise OptionError(
            f"aot runtime: there are no '{wanted}' kernels",
            hint=f"use --kernels auto, {', '.join((*EMITTERS, CMSIS_NN))}",
        )
    if wanted not in there:
        raise OptionError(
            f"kernels '{wanted}' need {_EXTENSIONS[wanted].title}, {mcu.core} of {target.name} "
            "has none",
            hint=f"use --kernels auto, {', '.join((*there, CMSIS_NN))}",
        )
    return wanted


def check_kernels(target: Target, options: FirmwareOptions) -> None:
    """Check the choice of kernels before anything takes time.

    Args:
        target: The board.
        options: The user's choices.

    Raises:
        OptionError: The core lacks what the kernels need, or CMSIS-NN is not where it should be.
    """
    if choose_kernels(target, options.kernels) == CMSIS_NN:
        find_cmsis_nn(options.cmsis_nn_dir)
