"""Give tensors short, unique names: reports stay readable and names stay out of flash."""

from __future__ import annotations

import re

from quantize.flatmodel import FlatModel, TensorNode

_READ = re.compile(r"/ReadVariableOp\d*$")


def tidy_names(model: FlatModel) -> None:
    """Rename every tensor.

    Graph inputs and outputs get their signature names. Fused tensors carry the names of all
    operators they came from; the last one stays. The path that all computed tensors share goes.

    Args:
        model: Model, changed in place; the same model always gets the same names.
    """
    fixed = {id(t): name for name, t in [*model.outputs.items(), *model.inputs.items()]}
    tensors = model.tensors()
    names = {id(t): fixed.get(id(t), _last_part(t.name)) for t in tensors}
    inner = [t for t in tensors if not t.is_constant and id(t) not in fixed]
    prefix = _common_folder([names[id(t)] for t in inner])
    used: set[str] = set()
    for tensor in sorted(tensors, key=lambda t: (id(t) not in fixed, t.is_constant)):
        name = names[id(tensor)]
        if id(tensor) not in fixed:
            name = name.removeprefix(prefix)
        tensor.name = _unique(name or _kind(tensor), used)


def _last_part(name: str) -> str:
    parts = [part for part in name.split(";") if part]
    return _READ.sub("", parts[-1]) if parts else ""


def _common_folder(names: list[str]) -> str:
    """Longest path with a final slash that all the names start with; empty names do not count."""
    named = [name for name in names if name]
    if not named:
        return ""
    shortest, longest = min(named), max(named)
    common = 0
    while common < min(len(shortest), len(longest)) and shortest[common] == longest[common]:
        common += 1
    return shortest[: shortest.rfind("/", 0, common) + 1]


def _kind(tensor: TensorNode) -> str:
    return "constant" if tensor.is_constant else "tensor"


def _unique(name: str, used: set[str]) -> str:
    candidate, number = name, 1
    while candidate in used:
        number += 1
        candidate = f"{name}#{number}"
    used.add(candidate)
    return candidate
