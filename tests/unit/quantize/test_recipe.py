"""Recipes: what ships parses; mistakes get one clear line."""

from __future__ import annotations

import pytest

from quantize.errors import RecipeError
from quantize.recipe import load_recipe, parse_recipe, recipe_names


def test_every_shipped_recipe_loads():
    names = recipe_names()
    assert "int8" in names
    for name in names:
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.title


def test_default_recipe_is_purely_int8():
    recipe = load_recipe("int8")
    assert recipe.int16 == ()
    assert recipe.requantize == ()


def test_unknown_name_offers_close_matches():
    with pytest.raises(RecipeError, match="unknown quantization recipe 'int9'") as caught:
        load_recipe("int9")
    assert "int8" in caught.value.hint


def test_recipe_from_a_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('title = "x"\nactivation_range = "percentile"\npercentile = 0.999\n')
    recipe = load_recipe(str(path))
    assert recipe.name == "own"
    assert recipe.range_rule(("any",)).percentile == 0.999


def test_first_matching_range_rule_counts():
    text = """
    title = "x"
    [[ranges]]
    name = "^a"
    method = "minmax"
    [[ranges]]
    name = "b"
    method = "percentile"
    percentile = 0.99
    """
    recipe = parse_recipe("x", text, source="x.toml")
    assert recipe.range_rule(("ab",)).method == "minmax"
    assert recipe.range_rule(("c", "b")).percentile == 0.99
    assert recipe.range_rule(("c",)).method == "mse"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "not valid TOML"),
        ("", "'title' is missing"),
        ('title = "x"\nequalise = true', "unknown key 'equalise'"),
        ('title = "x"\nactivation_range = "mean"', "method 'mean'"),
        ('title = "x"\npercentile = 2.0', "percentile 2.0"),
        ('title = "x"\nweight_search = "yes"', "wrong type"),
        ('title = "x"\nint16 = ["mala"]', "expected tables"),
        ('title = "x"\n[[int16]]\nkinds = ["ADD"]', "'name' is missing"),
        ('title = "x"\n[[int16]]\nname = "("', r"x\.toml: int16"),
        ('title = "x"\n[[int16]]\nname = "a"\nkind = ["ADD"]', "unknown key 'kind'"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(RecipeError, match=message) as caught:
        parse_recipe("x", text, source="x.toml")
    assert "\n" not in caught.value.message


def test_misspelt_key_gets_a_hint():
    with pytest.raises(RecipeError) as caught:
        parse_recipe("x", 'title = "x"\nequalise = true', source="x.toml")
    assert "equalize" in caught.value.hint


def test_unreadable_file(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(str(tmp_path / "none.toml"))
