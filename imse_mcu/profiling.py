"""Where a build spends instructions and memory, and how two builds differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.text import count, short_name, size, table
from imse_mcu.cycles import CYCLES_PER_INSTRUCTION

_LONGEST_NAME = 72


@dataclass(frozen=True)
class Change:
    """How one figure differs between two builds.

    Attributes:
        name: What it is.
        before: Figure of the earlier build.
        after: Figure of the later build.
    """

    name: str
    before: float
    after: float

    @property
    def percent(self) -> float:
        """Growth in percent."""
        if self.before == 0:
            return 0.0 if self.after == 0 else 100.0
        return 100.0 * (self.after - self.before) / self.before

    def describe(self) -> str:
        """Returns the change for people."""
        return f"{self.name:<22} {self.before:.0f} -> {self.after:.0f}  ({self.percent:+.2f} %)"

    def to_json(self) -> dict[str, Any]:
        """Returns the change as plain data."""
        return {
            "name": self.name,
            "before": self.before,
            "after": self.after,
            "percent": round(self.percent, 3),
        }


def profile_of(build: BuildFolder) -> dict[str, Any]:
    """Returns what is known about the cost of a build.

    Args:
        build: The build.
    """
    record = build.record
    report = record["report"]
    keys = ("macs_per_frame", "instructions_per_frame", "cycles_per_frame", "real_time_factor")
    arena = arena_plan(record["runtime_report"])
    return {
        **{key: report[key] for key in keys},
        "core": record["core"],
        "cycles_per_instruction": cycles_per_instruction(record),
        "flash_bytes": report["flash_bytes"],
        "ram_bytes": report["ram_bytes"],
        "peak_stack_bytes": record["peak_stack_bytes"],
        "steps": steps_of(record),
        "layers": layers_of(record),
        "operators": record["layers"],
        "functions": record["functions"],
        "objects": record["objects"],
        "regions": record["regions"],
        "arena": arena,
    }


def cycles_per_instruction(record: Mapping[str, Any]) -> float | None:
    """Returns the factor between instructions and cycles of a build's cycle model, if known."""
    report = record["report"]
    instructions = report["instructions_per_frame"]
    if not instructions or record["core"] not in CYCLES_PER_INSTRUCTION:
        return None
    return CYCLES_PER_INSTRUCTION[record["core"]].value


def layers_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the layers of the compiled network in their order, with what they cost.

    Args:
        record: Content of ``build.json``.

    Returns:
        Per layer ``function, origin, shapes, macs, read_bytes, written_bytes, constant_bytes``
        and, where the emulator counted them, ``instructions`` and ``macs_per_instruction``
        (else None). Empty for a runtime without layers of its own.
    """
    counted = (record["proof"] or {}).get("layers_per_frame", {})
    rows = []
    for layer in record["runtime_report"].get("layers", []):
        instructions = counted.get(layer["function"])
        ratio = layer["macs"] / instructions if instructions else None
        rows.append(
            {
                **layer,
                "instructions": instructions,
                "macs_per_instruction": None if ratio is None else round(ratio, 3),
            }
        )
    return rows


def steps_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the instructions of analysis, network and synthesis, where they were counted.

    Args:
        record: Content of ``build.json``.
    """
    proof = record["proof"]
    counted = (proof or {}).get("layers_per_frame", {})
    if not counted:
        return []
    names = {
        "imse_frontend_analyze": "analysis",
        "imse_frontend_synthesize": "synthesis",
        "imse_segment_analyze": "analysis",
        "imse_segment_synthesize": "synthesis",
    }
    steps = [{"name": names[f], "instructions": counted[f]} for f in names if f in counted]
    steps.insert(1, {"name": "network", "instructions": proof["network_per_frame"]["mean"]})
    return steps


def arena_plan(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the plan of the arena as a picture needs it, None for a runtime without one.

    Args:
        report: ``runtime_report`` of ``build.json``.

    Returns:
        ``size_bytes``, ``lower_bound_bytes`` (no plan can take less), ``steps`` and ``buffers``:
        per buffer ``name``, ``offset``, ``size_bytes``, and the ``first`` and ``last`` step that
        uses it.
    """
    if "buffers" not in report:
        return None
    return {
        "size_bytes": report["arena_bytes"],
        "lower_bound_bytes": report["arena_lower_bound_bytes"],
        "steps": report["steps"],
        "buffers": report["buffers"],
    }


def describe(data: Mapping[str, Any], *, top: int = 20) -> str:
    """Describes a profile for people.

    Args:
        data: What :func:`profile_of` returned.
        top: Rows of each table.
    """
    total = data["instructions_per_frame"]
    lines = [f"{count(data['macs_per_frame'])}MAC per frame"]
    if total is None:
        lines.append("no run on an emulator, so no instructions are known")
    else:
        ratio = data["macs_per_frame"] / total
        lines.append(
            f"{total} instructions per frame, counted on the emulator ({ratio:.3f} MAC each)"
        )
    cycles = data["cycles_per_frame"]
    lines += [f"{cycles['value']} cycles per frame: {cycles['method']}", ""]
    if data["steps"]:
        rows = [_counted_row(s["name"], s["instructions"], total) for s in data["steps"]]
        lines += [table(("step", "instructions", "share"), rows), ""]
    if any(layer["instructions"] for layer in data["layers"]):
        lines += _layer_lines(data, top)
    elif data["operators"]:
        lines += _operator_lines(data, top)
    if data["functions"] and total:
        rows = [
            _counted_row(_clipped(f["name"]), f["instructions"], total) for f in data["functions"]
        ]
        lines += ["functions:", table(("function", "instructions", "share"), rows[:top]), ""]
    if data["objects"]:
        objects = [
            (o["name"], str(o["code_bytes"]), str(o["weights_bytes"])) for o in data["objects"]
        ]
        lines += ["flash:", table(("object", "code", "weights"), objects[:top])]
        lines += [f"... {len(objects) - top} smaller objects"] * (len(objects) > top) + [""]
    return "\n".join([*lines, *_memory_lines(data)])


def _clipped(name: str) -> str:
    """A function's name as a table can hold it; those of C++ have hundreds of characters."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _counted_row(name: str, instructions: float, total: int) -> tuple[str, str, str]:
    return name, f"{instructions:.0f}", f"{100 * instructions / total:.1f} %"


def _layer_lines(data: Mapping[str, Any], top: int) -> list[str]:
    """The hottest layers of the compiled network."""
    total, rate = data["instructions_per_frame"], data["cycles_per_instruction"]
    hottest = sorted(data["layers"], key=lambda layer: -(layer["instructions"] or 0))
    rows = [
        (
            layer["function"].removeprefix("layer_"),
            f"{layer['instructions'] or 0:.0f}",
            f"{100 * (layer['instructions'] or 0) / total:.1f} %",
            f"{layer['instructions'] * rate:.0f}" if rate and layer["instructions"] else "",
            str(layer["macs"]),
            f"{layer['macs_per_instruction'] or 0:.2f}" if layer["macs"] else "",
            str(moved_bytes(layer)),
            layer["shapes"],
            layer["origin"],
        )
        for layer in hottest[:top]
    ]
    work = ("layer", "instructions", "share", "cycles", "MAC", "MAC/instr", "bytes moved")
    header = (*work, "shapes", "origin")
    shown = f"hottest {len(rows)} of {len(hottest)} layers"
    return [f"{shown} (cycles by the model):", table(header, rows, left=(0, 7, 8)), ""]


def moved_bytes(layer: Mapping[str, Any]) -> int:
    """Returns the bytes that a layer reads and writes at the least, weights included."""
    return int(layer["read_bytes"] + layer["written_bytes"] + layer["constant_bytes"])


def _operator_lines(data: Mapping[str, Any], top: int) -> list[str]:
    """The operators with most work, where no layers were counted."""
    heavy = sorted(data["operators"], key=lambda layer: -layer["macs"])[:top]
    # Not the work per frame: operators of a segment have that of all its frames.
    whole = max(1, sum(layer["macs"] for layer in data["operators"]))
    rows = [
        (
            str(layer["index"]),
            layer["kind"],
            "x".join(map(str, layer["shape"])),
            str(layer["macs"]),
            f"{100 * layer['macs'] / whole:.1f} %",
            size(layer["weight_bytes"]),
            short_name(layer["output"]),
        )
        for layer in heavy
    ]
    header = ("#", "operator", "output shape", "MAC", "share", "weights", "output")
    return ["heaviest operators:", table(header, rows, left=(1, 6)), ""]


def _memory_lines(data: Mapping[str, Any]) -> list[str]:
    regions = [
        (
            r["name"],
            size(r["size_bytes"]),
            size(r["used_bytes"]),
            f"{100 * r['used_bytes'] / r['size_bytes']:.1f} %",
            ", ".join(f"{name} {size(value)}" for name, value in r["parts"].items()),
        )
        for r in data["regions"]
        if r["used_bytes"]
    ]
    lines = ["memory:", table(("region", "size", "used", "share", "holds"), regions, left=(0, 4))]
    arena = data["arena"]
    if arena:
        lines.append(
            f"arena {arena['size_bytes']} bytes, no plan can take less than "
            f"{arena['lower_bound_bytes']}"
        )
    return lines


def compare_builds(before: BuildFolder, after: BuildFolder) -> list[Change]:
    """Compares the figures that matter, where both builds have them.

    Args:
        before: Earlier build.
        after: Later build.
    """
    old, new = before.record["report"], after.record["report"]
    pairs = [
        ("macs_per_frame", old["macs_per_frame"], new["macs_per_frame"]),
        ("instructions_per_frame", old["instructions_per_frame"], new["instructions_per_frame"]),
        ("cycles_per_frame", old["cycles_per_frame"]["value"], new["cycles_per_frame"]["value"]),
    ]
    for group in ("flash_bytes", "ram_bytes"):
        pairs += [(f"{group}.{key}", old[group][key], new[group].get(key)) for key in old[group]]
    return [Change(name, a, b) for name, a, b in pairs if a is not None and b is not None]


def changed_layers(before: BuildFolder, after: BuildFolder) -> list[Change]:
    """Compares the instructions of the layers that both builds have, largest change first.

    Layers are told apart by the operators they come from.

    Args:
        before: Earlier build.
        after: Later build.
    """
    old, new = (
        {
            layer["origin"]: layer["instructions"]
            for layer in layers_of(build.record)
            if layer["instructions"] is not None
        }
        for build in (before, after)
    )
    changes = [Change(name, old[name], new[name]) for name in new if name in old]
    changes = [change for change in changes if change.before != change.after]
    return sorted(changes, key=lambda change: -abs(change.after - change.before))
