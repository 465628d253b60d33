"""Rooms: imports flow one way, importing costs next to nothing, and public names are documented."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import medrec

PACKAGE = Path(medrec.__file__).parent
BELOW = {
    "leaves": set(),
    "kernels": {"leaves"},
    "datasets": {"leaves", "kernels"},
    "features": {"leaves", "kernels"},
    "decision": {"leaves", "kernels"},
    "safety": {"leaves", "kernels"},
    "metrics": {"leaves", "kernels", "safety"},
    "recommenders": {"leaves", "kernels", "datasets", "features", "decision", "safety"},
}
"""The rooms that a room may import beside itself."""
BELOW["tuning"] = {*BELOW, "recommenders"}
BELOW["report"] = {*BELOW, "tuning"}
BELOW["explain"] = {*BELOW, "report"}
BELOW["cli"] = {*BELOW, "explain"}

ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def room_of(module):
    """The room of a module of the package by its dotted name; "" is the package itself."""
    first = module.removeprefix("medrec").lstrip(".").partition(".")[0]
    return first if first in ROOMS else "leaves" if first.startswith("_") else ""


def imported(path):
    """Every module of the package that a file imports, at its top or inside a function, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.split(".")[0] == "medrec")
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: imports are absolute here"
            if node.module == "medrec":
                yield from ((f"medrec.{alias.name}", node.lineno) for alias in node.names)
            elif (node.module or "").startswith("medrec."):
                yield node.module, node.lineno


@pytest.mark.parametrize("file", FILES)
def test_imports_flow_one_way(file):
    room = file.split("/")[0] if "/" in file else "leaves"
    if file in ("__init__.py", "__main__.py"):
        room = "cli"
    assert room in BELOW, f"{room}/ is a new room: write in BELOW what it may import"
    for module, line in imported(PACKAGE / file):
        other = room_of(module)
        if other == "" and room == "cli":
            continue  # the command line uses the public names
        assert other == room or other in BELOW[room], f"medrec/{file}:{line}: {room} may not import {module}"


def test_every_room_is_known():
    assert set(ROOMS) == set(BELOW) - {"leaves"}
    assert set(ROOMS) == set(medrec._ROOMS)


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout


def test_importing_the_package_loads_nothing():
    loaded = run("import sys; before = set(sys.modules); import medrec; print(*(set(sys.modules) - before))").split()
    assert {name.partition(".")[0] for name in loaded} <= {"medrec", *sys.stdlib_module_names}
    assert len(loaded) < 40
    assert {name for name in loaded if name.startswith("medrec")} == {"medrec", "medrec._version"}


def test_heavy_packages_wait_until_they_are_needed():
    heavy = {"lightgbm", "jieba", "matplotlib", "skops", "optuna", "tqdm", "numba"}
    loaded = set(run("import sys, medrec.recommenders, medrec.features, medrec.metrics; print(*sys.modules)").split())
    assert not heavy & loaded


@pytest.mark.parametrize("name", medrec.__all__)
def test_every_public_name_is_there(name):
    assert getattr(medrec, name) is not None
    assert name in dir(medrec)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'medrec' has no attribute 'Recommender'"):
        _ = medrec.Recommender
    assert medrec.metrics.__name__ == "medrec.metrics"


def public_objects():
    for room in ROOMS:
        module = import_module(f"medrec.{room}")
        for name in getattr(module, "__all__", ()):
            yield pytest.param(getattr(module, name), id=f"{room}.{name}")


@pytest.mark.parametrize("thing", [one for one in public_objects() if callable(one.values[0])])
def test_public_names_are_documented(thing):
    doc = inspect.getdoc(thing) or ""
    assert len(doc.splitlines()[0]) > 10
    assert doc.splitlines()[0].rstrip().endswith((".", ":", ","))
    assert any(title in doc for title in ("Parameters", "Examples", "Attributes")), "say what goes in, or show it"
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return
    for name, method in vars(thing).items() if inspect.isclass(thing) else ():
        if inspect.isfunction(method) and not name.startswith("_"):
            assert inspect.getdoc(getattr(thing, name)), f"{thing.__name__}.{name} has no docstring"


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_is(room):
    assert import_module(f"medrec.{room}").__doc__
