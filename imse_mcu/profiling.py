"""Where a build spends instructions and memory, and how two builds differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imse_mcu.buildfolder import BuildFolder
from imse_mcu.core.text import count, short_name, size, table

_LAYERS_SHOWN = 15


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
    return {
        **{key: report[key] for key in keys},
        "flash_bytes": report["flash_bytes"],
        "ram_bytes": report["ram_bytes"],
        "peak_stack_bytes": record["peak_stack_bytes"],
        "functions": record["functions"],
        "layers": record["layers"],
        "regions": record["regions"],
        "arena": record["runtime_report"].get("buffers", []),
        "arena_lower_bound_bytes": record["runtime_report"].get("arena_lower_bound_bytes"),
    }


def describe(data: Mapping[str, Any]) -> str:
    """Describes a profile for people.

    Args:
        data: What :func:`profile_of` returned.
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
    if data["functions"] and total:
        rows = [
            (f["name"], f"{f['instructions']:.0f}", f"{100 * f['instructions'] / total:.1f} %")
            for f in data["functions"]
        ]
        lines += [table(("function", "instructions", "share"), rows), ""]
    heavy = sorted(data["layers"], key=lambda layer: -layer["macs"])[:_LAYERS_SHOWN]
    whole = max(1, data["macs_per_frame"])
    layers = [
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
    lines += ["heaviest layers:", table(header, layers, left=(1, 6)), ""]
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
    lines += ["memory:", table(("region", "size", "used", "share", "holds"), regions, left=(0, 4))]
    bound, arena = data["arena_lower_bound_bytes"], data["ram_bytes"]["arena"]
    if bound and arena:
        lines.append(f"arena {arena} bytes, no plan can take less than {bound}")
    return "\n".join(lines)


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
