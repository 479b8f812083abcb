"""Size and manners of the package: short files and functions, no assert, no print, no **kwargs, no bare except."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "evaltool").rglob("*.py"))
FILE_LINES = 400
FUNCTION_LINES = 60
"""About 40 lines of code is the aim; a signature and a docstring of several lines come on top."""
PARAMETERS = 6
CLOCKS = {("time", "time"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
FACES = (
    "did",
    "matching",
    "weighting",
    "weighted",
    "counterfactual",
    "direct/did_checks",
    "direct/did_designs",
    "direct/own_history",
    "direct/synthetic_did",
    "direct/wide",
    "payment/pay",
)
FACE = {f"evaltool/{name}.py" for name in FACES}
"""The direct road takes column names as keywords and builds its option records at once."""
ADAPTERS = {"papermill_runner.py"}
"""Overrides methods of a library that pass on **keywords of its own."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.Module) -> Iterator[Function]:
    """Every function of a module, nested ones and methods included."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def test_files_are_short() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {name: n for name, n in lengths.items() if n > FILE_LINES}


def test_functions_are_short(trees: dict[Path, ast.Module]) -> None:
    long = {
        f"{name_of(path)}:{f.name}": length
        for path, tree in trees.items()
        for f in functions(tree)
        if (length := (f.end_lineno or f.lineno) - f.lineno + 1) > FUNCTION_LINES
    }
    assert not long


def test_parameters_are_few_and_named(trees: dict[Path, ast.Module]) -> None:
    faults = []
    for path, tree in trees.items():
        for f in functions(tree):
            given = [a.arg for a in (*f.args.posonlyargs, *f.args.args) if a.arg not in {"self", "cls"}]
            if f.args.kwarg is not None and path.name not in ADAPTERS:
                faults.append(f"{name_of(path)}:{f.name} takes **{f.args.kwarg.arg}")
            total = len(given) + len(f.args.kwonlyargs)
            if total > PARAMETERS and name_of(path) not in FACE and "cli" not in path.parts:
                faults.append(f"{name_of(path)}:{f.name} has {total} parameters")
    assert not faults


def test_no_assert_no_print_no_bare_except_no_clock(trees: dict[Path, ast.Module]) -> None:
    faults = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            where = f"{name_of(path)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Assert):
                faults.append(f"{where} assert")
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                faults.append(f"{where} bare except")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                faults.append(f"{where} print")
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and (node.value.id, node.attr) in CLOCKS
            ):
                faults.append(f"{where} reads a clock")
    assert not faults


def test_every_public_thing_has_a_docstring(trees: dict[Path, ast.Module]) -> None:
    missing = []
    for path, tree in trees.items():
        if not ast.get_docstring(tree):
            missing.append(name_of(path))
        missing.extend(
            f"{name_of(path)}:{node.name}"
            for node in tree.body
            if isinstance(node, Function | ast.ClassDef) and not ast.get_docstring(node)
        )
    assert not missing
