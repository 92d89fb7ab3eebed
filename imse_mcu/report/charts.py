"""The geometry of the page's charts: what goes where, in the units of the drawing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from imse_mcu.profiling import arena_plan, cycles_per_instruction, layers_of, steps_of

WIDTH = 1000
ARENA_HEIGHT = 280
BARS_HEIGHT = 170
SQNR_HEIGHT = 220
#: SQNR below which a layer is worth a look; the network's own outputs lie near it.
LOW_SQNR_DB = 15.0
_TOP_SQNR_DB = 60.0
_KIND = re.compile(r"layer_\d+_(\w+)$")


def arena_chart(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the arena's buffers as boxes: steps to the right, addresses down.

    Args:
        report: ``runtime_report`` of ``build.json``.

    Returns:
        The plan with ``boxes``, the ``live`` bytes of every step as points, the fullest step
        ``peak`` and the buffers that are ``alive`` then; None for a runtime without a plan.
    """
    plan = arena_plan(report)
    if not plan or not plan["buffers"]:
        return None
    across, down = WIDTH / plan["steps"], ARENA_HEIGHT / plan["size_bytes"]
    boxes = [
        {
            **buffer,
            "x": round(buffer["first"] * across, 2),
            "y": round(buffer["offset"] * down, 2),
            "width": round((buffer["last"] - buffer["first"] + 1) * across, 2),
            "height": round(buffer["size_bytes"] * down, 2),
        }
        for buffer in plan["buffers"]
    ]
    live = [
        sum(b["size_bytes"] for b in plan["buffers"] if b["first"] <= step <= b["last"])
        for step in range(plan["steps"])
    ]
    peak = live.index(max(live))
    alive = [b for b in plan["buffers"] if b["first"] <= peak <= b["last"]]
    return {
        **plan,
        "boxes": boxes,
        "height": ARENA_HEIGHT,
        "peak": peak,
        "peak_bytes": live[peak],
        "peak_x": round((peak + 0.5) * across, 2),
        "alive": sorted(alive, key=lambda b: -b["size_bytes"]),
    }


def region_bars(regions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the regions that matter, each with its parts in percent.

    Args:
        regions: ``regions`` of ``build.json``.
    """
    return [
        {
            **region,
            "free_bytes": region["size_bytes"] - region["used_bytes"],
            "bars": [
                {"name": name, "bytes": held, "percent": 100 * held / region["size_bytes"]}
                for name, held in region["parts"].items()
            ],
        }
        for region in regions
        if region["used_bytes"] or region["kind"] == "flash"
    ]


def frame_budget(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns how the time of a frame is used: analysis, network, synthesis, rest and free.

    Args:
        record: Content of ``build.json``.

    Returns:
        Per part ``name``, ``cycles`` and ``percent`` of the time of a frame; empty where no
        instructions were counted or the core has no figure for cycles. Free time is negative
        where real time is not kept.
    """
    rate, steps = cycles_per_instruction(record), steps_of(record)
    if rate is None or not steps:
        return []
    report = record["report"]
    whole = record["clock_hz"] / report["frames_per_second"]
    parts = [(step["name"], step["instructions"] * rate) for step in steps]
    counted = sum(cycles for _, cycles in parts)
    parts.append(("rest", max(0.0, report["instructions_per_frame"] * rate - counted)))
    parts.append(("free", whole - sum(cycles for _, cycles in parts)))
    return [
        {"name": name, "cycles": round(cycles), "percent": 100 * cycles / whole}
        for name, cycles in parts
    ]


def cost_chart(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the instructions of the layers in the order in which they run.

    Args:
        record: Content of ``build.json``.

    Returns:
        ``bars`` with their place, ``kinds`` (kinds of layers with what they cost together, most
        first) and ``hottest`` (layers, most first); None where no layers were counted.
    """
    layers = [layer for layer in layers_of(record) if layer["instructions"]]
    if not layers:
        return None
    most = max(layer["instructions"] for layer in layers)
    across = WIDTH / len(layers)
    kinds: dict[str, dict[str, Any]] = {}
    bars = []
    for place, layer in enumerate(layers):
        found = _KIND.match(layer["function"])
        name = found[1] if found else layer["function"]
        kind = kinds.setdefault(name, {"name": name, "layers": 0, "instructions": 0.0, "macs": 0})
        kind["layers"] += 1
        kind["instructions"] += layer["instructions"]
        kind["macs"] += layer["macs"]
        height = BARS_HEIGHT * layer["instructions"] / most
        bars.append(
            {
                **layer,
                "x": round(place * across, 2),
                "width": round(max(across - 1, 0.5), 2),
                "y": round(BARS_HEIGHT - height, 2),
                "height": round(height, 2),
            }
        )
    return {
        "bars": bars,
        "height": BARS_HEIGHT,
        "most": most,
        "kinds": sorted(kinds.values(), key=lambda kind: -kind["instructions"]),
        "hottest": sorted(layers, key=lambda layer: -layer["instructions"]),
    }


def sqnr_chart(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Returns the SQNR of the operators along the network.

    Args:
        layers: ``layers`` of ``build.json``.

    Returns:
        ``points`` with their place, ``ticks``, and the operators that are ``worst``; None where
        none was compared with float.
    """
    compared = [layer for layer in layers if layer["sqnr_db"] is not None]
    if not compared:
        return None
    top = max(_TOP_SQNR_DB, 10 * math.ceil(max(layer["sqnr_db"] for layer in compared) / 10))
    top = min(top, 2 * _TOP_SQNR_DB)
    last = max(1, *(layer["index"] for layer in layers))

    def down(level_db: float) -> float:
        return round(SQNR_HEIGHT * (1 - min(max(level_db, 0.0), top) / top), 2)

    points = [
        {
            **layer,
            "x": round(WIDTH * layer["index"] / last, 2),
            "y": down(layer["sqnr_db"]),
            "low": layer["sqnr_db"] < LOW_SQNR_DB,
        }
        for layer in compared
    ]
    return {
        "points": points,
        "height": SQNR_HEIGHT,
        "last": last,
        "low": LOW_SQNR_DB,
        "low_y": down(LOW_SQNR_DB),
        "low_count": sum(point["low"] for point in points),
        "ticks": [{"db": db, "y": down(db)} for db in range(0, int(top) + 1, 20)],
        "worst": sorted(compared, key=lambda layer: layer["sqnr_db"])[:12],
    }
