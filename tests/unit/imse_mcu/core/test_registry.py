from __future__ import annotations

import sys

import pytest

from imse_mcu.core.registry import DuplicateNameError, Registry, UnknownNameError, close_matches


def make() -> Registry[object]:
    registry: Registry[object] = Registry("runtime", listing="imse-mcu runtimes")
    registry.register("aot", "fractions:Fraction", summary="compiled", aliases=["ahead"])
    registry.register("tflm", "decimal:Decimal")
    return registry


def test_names_summary_and_aliases() -> None:
    registry = make()
    assert registry.names() == ("aot", "tflm")
    assert list(registry) == ["aot", "tflm"]
    assert len(registry) == 2
    assert registry.summary("ahead") == "compiled"
    assert registry.canonical("ahead") == "aot"
    assert "ahead" in registry
    assert "x" not in registry


def test_module_is_imported_on_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    registry: Registry[object] = Registry("poem")
    registry.register("zen", "colorsys:rgb_to_hls")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    registry.names()
    assert "colorsys" not in sys.modules
    assert registry.get("zen") is registry.get("zen")
    assert "colorsys" in sys.modules


def test_unknown_name_offers_close_matches() -> None:
    with pytest.raises(UnknownNameError) as caught:
        make().get("tfml")
    assert caught.value.message == "unknown runtime 'tfml'"
    assert caught.value.hint == "did you mean tflm? (see: imse-mcu runtimes)"
    assert caught.value.exit_code == 2


def test_unknown_name_without_close_match_lists_all() -> None:
    with pytest.raises(UnknownNameError, match="unknown runtime") as caught:
        make().get("zzzz")
    assert "known: ahead, aot, tflm" in caught.value.hint


@pytest.mark.parametrize("name", ["aot", "ahead"])
def test_duplicate_names_are_errors(name: str) -> None:
    with pytest.raises(DuplicateNameError, match="registered twice"):
        make().register(name, "math:sin")


def test_duplicate_alias_leaves_the_registry_as_it_was() -> None:
    registry = make()
    with pytest.raises(DuplicateNameError):
        registry.register_object("new", 1, aliases=["tflm"])
    assert "new" not in registry


def test_source_must_name_module_and_attribute() -> None:
    with pytest.raises(ValueError, match="package.module:attribute"):
        make().register("x", "math.sin")


@pytest.mark.parametrize(
    ("typed", "known", "expected"),
    [
        ("stm23h7", ["stm32h7", "rp2350"], ("stm32h7",)),
        ("STM32H7", ["stm32h7"], ("stm32h7",)),
        ("imse", ["imse-stream", "imse-stream-small"], ("imse-stream", "imse-stream-small")),
        ("q", ["quantize"], ()),
    ],
)
def test_close_matches(typed: str, known: list[str], expected: tuple[str, ...]) -> None:
    assert close_matches(typed, known) == expected
