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
        ('title = "x"\nshipped = true', "unknown key 'shipped'"),
        ('title = "x"\nint16 = "mala"', "expected tables"),
        ('title = "x"\npercentile = true', "'percentile' has the wrong type: True"),
        ('title = "x"\nint16_headroom = 0', "int16_headroom is 0, expected more than 0"),
        ('title = "x"\nint16_headroom = nan', "'int16_headroom' has the wrong type: nan"),
        ('title = "x"\n[[int16]]\nname = 3', "'name' has the wrong type: 3"),
        ('title = "x"\n[[int16]]\nname = "a"\nkinds = "DEPTHWISE_CONV_2D"', "'kinds' has the wr"),
        ('title = "x"\n[[int16]]\nname = "a"\nkinds = ["CONV2D"]', "unknown operator kind 'CONV2D"),
        ('title = "x"\n[[ranges]]\nname = "a"\npercentile = "0.9"', "'percentile' has the wrong"),
        ('title = "x"\n[[ranges]]\nname = "a"\nheadroom = -2', "'a' has headroom -2, expected 0"),
        ('title = "x"\n[[ranges]]\nname = "a"\nlimit = -1.0', "'a' has limit -1, expected 0"),
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
    with pytest.raises(RecipeError) as caught:
        parse_recipe("x", 'title = "x"\n[[int16]]\nname = "a"\nkinds = ["CONV2D"]', source="x.toml")
    assert "CONV_2D" in caught.value.hint


def test_unreadable_file(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(str(tmp_path / "none.toml"))
