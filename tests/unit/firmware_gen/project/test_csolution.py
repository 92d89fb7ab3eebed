"""The files for the CMSIS-Toolbox: only keys and forms that its schemas have.

The tables below follow csolution.schema.json and cproject.schema.json of projmgr 2.14, as far as
the project uses them. With the toolbox's own schemas at hand (``CMSIS_TOOLBOX_SCHEMAS`` names their
folder, ``etc`` of an installed toolbox) and jsonschema installed, the files are held against those.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_backend import FakeBackend, fake_model

from firmware_gen.project import FirmwareProject, generate_project
from targets.loader import load_target

NAME = r"[A-Za-z0-9_-]{1,32}"
# A node is a pattern of a text, a list of one node, or keys of which "!" must be there.
FILE = {"file!": r"[\w./+-]+", "optimize": "size|speed|balanced|none|debug"}
FLAGS = [r"-[\w=,.:@-]+"]
SOLUTION = {
    "solution!": {
        "created-for": r"cmsis-toolbox@\d+\.\d+\.\d+",
        "compiler": "GCC|AC6|IAR|CLANG",
        "packs": [{"pack!": r"[\w.-]+::[\w.-]+@\d+\.\d+\.\d+"}],
        "target-types!": [{"type!": NAME, "device": r"[\w.-]+::[\w-]+"}],
        "build-types": [
            {
                "type!": NAME,
                "optimize": "balanced|none|speed|size|debug",
                "debug": "on|off",
            }
        ],
        "projects!": [{"project!": r"[^.+]*[./]*[^.+]+\.cproject\.(yml|yaml)"}],
    }
}
PROJECT = {
    "project!": {
        "language-C": "c(90|99|11|17|23)|gnu(90|99|11|17|23)",
        "language-CPP": r"c\+\+(98|03|11|14|17|20)|gnu\+\+(98|03|11|14|17|20)",
        "warnings": "on|off|all",
        "misc": [{"C-CPP": FLAGS, "CPP": FLAGS, "Link": FLAGS}],
        "linker": [{"script!": r"[\w./-]+\.ld"}],
        "add-path": [r"[\w./-]+"],
        "define": [r"\w+"],
        "groups": [{"group!": r"\w+", "files": [FILE]}],
        "components": [{"component!": r"[\w -]+::[\w -]+(:[\w &-]+)+"}],
    }
}


def check(node: Any, form: Any, where: str) -> None:
    """Compares data with its form."""
    if isinstance(form, str):
        assert isinstance(node, str), f"{where}: expected a text, found {node!r}"
        assert re.fullmatch(form, node), f"{where}: {node!r} does not match {form}"
    elif isinstance(form, list):
        assert isinstance(node, list), f"{where}: expected a list, found {node!r}"
        for index, item in enumerate(node):
            check(item, form[0], f"{where}[{index}]")
    else:
        assert isinstance(node, dict), f"{where}: expected keys, found {node!r}"
        forms = {key.rstrip("!"): value for key, value in form.items()}
        unknown = set(node) - set(forms)
        assert not unknown, f"{where}: unknown {sorted(unknown)}"
        missing = {key[:-1] for key in form if key.endswith("!")} - set(node)
        assert not missing, f"{where}: missing {sorted(missing)}"
        for key, value in node.items():
            check(value, forms[key], f"{where}.{key}")


def documents(project: FirmwareProject) -> tuple[Any, Any]:
    names = ("imse.csolution.yml", "imse.cproject.yml")
    solution, layer = (yaml.safe_load(project.files[name]) for name in names)
    return solution, layer


class TflmBackend(FakeBackend):
    """As the interpreter's: its source is C++."""

    name = "tflm"

    def generate(self, model: Any, target: Any, options: Any) -> Any:
        output = super().generate(model, target, options)
        files = {**output.files, "network/tflm/network.cc": b"// C++\n"}
        del files["model/network_fake.c"]
        return type(output)(files=files, memory=output.memory)


@pytest.fixture(
    scope="module",
    params=itertools.product(("nucleo_h743zi2", "alif_e7_dk", "mps2_an386"), ("aot", "tflm")),
    ids="-".join,
)
def project(request: pytest.FixtureRequest) -> FirmwareProject:
    name, runtime = request.param
    backends = {"aot": FakeBackend(), "tflm": TflmBackend()}
    return generate_project(fake_model(), load_target(name), runtime, backends=backends)


def test_keys_and_values_have_the_documented_form(project: FirmwareProject) -> None:
    solution, layer = documents(project)
    check(solution, SOLUTION, "csolution")
    check(layer, PROJECT, "cproject")


def test_what_is_named_is_there(project: FirmwareProject) -> None:
    _, layer = documents(project)
    content = layer["project"]
    files = [entry["file"] for group in content["groups"] for entry in group["files"]]
    assert len(files) == len(set(files))
    assert set(files) <= set(project.files)
    other = {"aot": "network/tflm/network.cc", "tflm": "model/network_fake.c"}[project.runtime]
    sources = {path for path in project.files if path.endswith((".c", ".cc"))}
    assert sources - {other} == set(files)
    script = f"linker/{project.target.name}-{project.runtime}.ld"
    assert content["linker"] == [{"script": script}]
    assert script in project.files
    folders = {path.rsplit("/", 1)[0] for path in project.files if "/" in path}
    assert set(content["add-path"]) <= folders | {path.split("/")[0] for path in folders}


def test_packs_are_pinned_and_hold_the_components(project: FirmwareProject) -> None:
    solution, layer = documents(project)
    packs = [entry["pack"] for entry in solution["solution"]["packs"]]
    assert packs[:2] == ["ARM::CMSIS@6.1.0", "ARM::Cortex_DFP@1.1.0"]
    used = {entry["component"] for entry in layer["project"].get("components", [])}
    vendors = {pack.partition("::")[0] for pack in packs}
    assert {component.partition("::")[0] for component in used} <= vendors
    assert any("TensorFlow:Kernel&CMSIS-NN" in c for c in used) == (project.runtime == "tflm")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda s, p: s["solution"].update(pack=[]), "unknown .*pack"),
        (lambda s, p: s["solution"]["packs"].append({"pack": "ARM:CMSIS"}), "does not match"),
        (lambda s, p: s["solution"].pop("projects"), "missing .*projects"),
        (lambda s, p: p["project"]["groups"][0].update(filez=[]), "unknown .*filez"),
        (lambda s, p: p["project"].update(warnings=True), "expected a text"),
    ],
)
def test_mistakes_are_found(project: FirmwareProject, change: Any, text: str) -> None:
    solution, layer = documents(project)
    change(solution, layer)
    with pytest.raises(AssertionError, match=text):
        check(solution, SOLUTION, "csolution")
        check(layer, PROJECT, "cproject")


def test_the_toolbox_accepts_them(project: FirmwareProject) -> None:
    folder = os.environ.get("CMSIS_TOOLBOX_SCHEMAS")
    if not folder:
        pytest.skip("CMSIS_TOOLBOX_SCHEMAS does not name the toolbox's folder of schemas")
    why = "the toolbox's schemas are held against the files by jsonschema (pip install jsonschema)"
    jsonschema = pytest.importorskip("jsonschema", reason=why)
    referencing = pytest.importorskip("referencing", reason=why)
    schemas = {
        path.name: json.loads(path.read_text("utf-8"))
        for path in Path(folder).glob("*.schema.json")
    }
    registry = referencing.Registry().with_resources(
        (schema["$id"], referencing.Resource.from_contents(schema)) for schema in schemas.values()
    )
    for document, name in zip(documents(project), ("csolution", "cproject"), strict=True):
        validator = jsonschema.Draft7Validator(schemas[f"{name}.schema.json"], registry=registry)
        assert [error.message for error in validator.iter_errors(document)] == []
