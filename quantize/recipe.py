"""Quantization recipes: which ranges, which operators in int16, which refinements. Data in TOML."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from quantize.constraints import INPUT, SUPPORTED
from quantize.errors import RecipeError

RANGE_METHODS = ("minmax", "percentile", "mse")


@dataclass(frozen=True)
class Selection:
    """Operators chosen by kind and by the name of their first output.

    Attributes:
        name: Regular expression searched in the output's name.
        kinds: Operator kinds; empty for any.
    """

    name: str
    kinds: tuple[str, ...] = ()

    def matches(self, kind: str, output_name: str) -> bool:
        """Whether an operator is chosen."""
        return (not self.kinds or kind in self.kinds) and re.search(
            self.name, output_name
        ) is not None

    def __str__(self) -> str:
        return f"'{self.name}'" + (f" of {', '.join(self.kinds)}" if self.kinds else "")


@dataclass(frozen=True)
class RangeRule:
    """Range method of the tensors whose name matches.

    Attributes:
        name: Regular expression searched in the tensor's name.
        method: ``minmax``, ``percentile`` or ``mse``.
        percentile: Fraction kept on each side, for ``percentile``.
        headroom: What the range of an int16 tensor is multiplied by, for values larger than those
            of the calibration set; the recipe's ``int16_headroom`` where it is 0.
        limit: Largest magnitude of the range, for outliers that may saturate; 0 for none.
    """

    name: str
    method: str = "mse"
    percentile: float = 0.9999
    headroom: float = 0.0
    limit: float = 0.0

    def __str__(self) -> str:
        return f"'{self.name}'"


@dataclass(frozen=True)
class Recipe:
    """How to quantize.

    Attributes:
        name: Recipe name.
        title: One line for listings.
        family: Family of models that it is for; empty for any.
        activation_range: Default range method of activations.
        percentile: Fraction kept on each side, for ``percentile``.
        ranges: Exceptions to the default; the first match counts.
        weight_search: Search the weight scale with the least squared error per channel.
        bias_correction: Take the offsets that rounded weights cause out of the biases.
        equalize: Balance channel ranges across linear operators before quantizing.
        split_channels: Compute parts of a convolution's result that are used apart one by one, each
            with a scale of its own (networks over segments).
        balance_norms: Equal levels of all channels in front of instance normalisations (networks
            over segments).
        requantize: Operators whose operands are requantized, so that they do not share a scale
            with their producers.
        int16: Operators computed with int16 activations; kind ``INPUT`` stands for graph inputs.
        int16_headroom: What the ranges of int16 tensors are multiplied by.
        shipped: Whether it ships with the package and so serves several networks, some of which
            lack what a rule or selection is for. In one's own recipe that is a mistake.
    """

    name: str
    title: str
    family: str = ""
    activation_range: str = "mse"
    percentile: float = 0.9999
    ranges: tuple[RangeRule, ...] = ()
    weight_search: bool = True
    bias_correction: bool = False
    equalize: bool = True
    split_channels: bool = False
    balance_norms: bool = False
    requantize: tuple[Selection, ...] = ()
    int16: tuple[Selection, ...] = field(default=())
    int16_headroom: float = 1.0
    shipped: bool = False

    def range_rule(self, names: tuple[str, ...]) -> RangeRule:
        """The rule for a group of tensors that share a scale."""
        for rule in self.ranges:
            if any(re.search(rule.name, name) for name in names):
                return rule
        return RangeRule("", self.activation_range, self.percentile)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)


def recipe_names() -> list[str]:
    """Names of the recipes that ship with the package, sorted."""
    folder = resources.files("quantize") / "recipes"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def load_recipe(name: str) -> Recipe:
    """Load a recipe by name, or from a ``.toml`` file.

    Args:
        name: Name of a recipe that ships with the package, or the path of a TOML file.

    Returns:
        The recipe.

    Raises:
        RecipeError: No such recipe (close matches are offered), or the file does not parse.
    """
    if name.endswith(".toml"):
        path = Path(name)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise RecipeError(
                f"recipe file {name} cannot be read: {reason}",
                hint=f"check the path; recipes that ship: {', '.join(recipe_names())}",
            ) from error
        return parse_recipe(path.stem, text, source=name)
    names = recipe_names()
    if name not in names:
        close = get_close_matches(name, names, n=3)
        raise RecipeError(
            f"unknown quantization recipe '{name}'",
            hint=(
                f"did you mean {' or '.join(close)}?" if close else f"recipes: {', '.join(names)}"
            ),
        )
    text = (resources.files("quantize") / "recipes" / f"{name}.toml").read_text("utf-8")
    return replace(parse_recipe(name, text, source=f"recipe {name}"), shipped=True)


def parse_recipe(name: str, text: str, *, source: str) -> Recipe:
    """Parse a recipe's TOML text.

    Args:
        name: Name of the recipe.
        text: TOML.
        source: Name used in error messages.

    Returns:
        The recipe.

    Raises:
        RecipeError: The text is not TOML, a key is unknown, or a value is invalid.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source}: not valid TOML ({error})") from error
    allowed = {entry.name for entry in fields(Recipe)} - {"name", "shipped"}
    _check_keys(data, allowed, source)
    if "title" not in data:
        raise RecipeError(f"{source}: 'title' is missing")
    values = dict(data)
    for key, kind in (("ranges", RangeRule), ("requantize", Selection), ("int16", Selection)):
        entries = data.get(key, [])
        if not isinstance(entries, list):
            raise RecipeError(f"{source}: {key}: expected tables ([[{key}]]), got {entries!r}")
        values[key] = tuple(_table(kind, entry, f"{source}: {key}") for entry in entries)
    recipe = Recipe(name=name, **values)
    _validate(recipe, source)
    return recipe


def _table(kind: type, entry: Any, where: str) -> Any:
    if not isinstance(entry, Mapping):
        raise RecipeError(f"{where}: expected tables ([[…]]), got {entry!r}")
    _check_keys(entry, {item.name for item in fields(kind)}, where)
    if "name" not in entry:
        raise RecipeError(f"{where}: 'name' is missing in {dict(entry)}")
    values = dict(entry)
    for key, value in entry.items():
        if key == "kinds":
            values[key] = _kinds(value, where)
        else:
            _check_type(key, value, str if key in ("name", "method") else float, where)
    try:
        re.compile(values["name"])
    except re.error as error:
        raise RecipeError(f"{where}: {error} in {dict(entry)}") from error
    return kind(**values)


def _kinds(value: Any, where: str) -> tuple[str, ...]:
    """Operator kinds of a selection, all of them such that there are."""
    if not isinstance(value, list) or not all(isinstance(kind, str) for kind in value):
        raise RecipeError(
            f"{where}: 'kinds' has the wrong type: {value!r}", hint='write kinds = ["ADD", "MUL"]'
        )
    known = SUPPORTED | {INPUT}
    for kind in value:
        if kind not in known:
            close = get_close_matches(kind, sorted(known), n=3)
            raise RecipeError(
                f"{where}: unknown operator kind '{kind}'",
                hint=f"did you mean {' or '.join(close)}?" if close else "",
            )
    return tuple(value)


def _check_type(key: str, value: Any, kind: type, where: str) -> None:
    """Refuses a value of another type; a float may be written as an integer, but is finite."""
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        right = number and math.isfinite(value)
    else:
        right = isinstance(value, kind)
    if not right:
        raise RecipeError(f"{where}: '{key}' has the wrong type: {value!r}")


def _check_keys(data: Mapping[str, Any], allowed: set[str], where: str) -> None:
    for key in data:
        if key not in allowed:
            close = get_close_matches(key, sorted(allowed), n=1)
            known = ", ".join(sorted(allowed))
            raise RecipeError(
                f"{where}: unknown key '{key}'",
                hint=f"did you mean {close[0]}?" if close else f"keys: {known}",
            )


def _validate(recipe: Recipe, source: str) -> None:
    kinds: dict[str, type] = {
        "title": str,
        "family": str,
        "activation_range": str,
        "percentile": float,
        "weight_search": bool,
        "bias_correction": bool,
        "equalize": bool,
        "split_channels": bool,
        "balance_norms": bool,
        "int16_headroom": float,
    }
    for key, expected in kinds.items():
        _check_type(key, getattr(recipe, key), expected, source)
    if not recipe.int16_headroom > 0:
        raise RecipeError(
            f"{source}: int16_headroom is {recipe.int16_headroom:g}, expected more than 0"
        )
    for rule in recipe.ranges:
        for key in ("headroom", "limit"):
            if getattr(rule, key) < 0:
                raise RecipeError(
                    f"{source}: ranges '{rule.name}' has {key} {getattr(rule, key):g}, "
                    "expected 0 or more"
                )
    methods = [("activation_range", recipe.activation_range, recipe.percentile)]
    methods += [(f"ranges '{rule.name}'", rule.method, rule.percentile) for rule in recipe.ranges]
    for where, method, percentile in methods:
        if method not in RANGE_METHODS:
            close = get_close_matches(str(method), RANGE_METHODS, n=1)
            raise RecipeError(
                f"{source}: {where} has method '{method}', expected one of {RANGE_METHODS}",
                hint=f"did you mean {close[0]}?" if close else "",
            )
        if not 0.5 < percentile <= 1.0:
            raise RecipeError(f"{source}: {where} has percentile {percentile}, expected 0.5 to 1")
