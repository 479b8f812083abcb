"""A floor imports only floors below it: statically (import-linter) and as plug-ins really load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from evaltool import registry

PLUGIN_MODULES = sorted(
    [
        *registry.estimator_names().values(),
        *registry.design_names().values(),
        *registry.gate_names().values(),
        *registry.mechanism_names().values(),
    ]
)
LOADED = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(name for name in sys.modules if name.split(".")[0] in ("evaltool", "numpy", "pandas"))))
"""
FORKED = """
import importlib, json, os, sys
import linearmodels, numpy, pandas, pydantic, scipy.optimize, scipy.stats, statsmodels.api
found = {}
for module in sys.argv[1:]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        importlib.import_module(module)
        with os.fdopen(writer, "w") as answer:
            json.dump(sorted(name for name in sys.modules if name.split(".")[0] == "evaltool"), answer)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        found[module] = json.loads(answer.read() or "null")
    os.waitpid(child, 0)
print(json.dumps(found))
"""
"""Every module in a process of its own that holds no evaltool before; libraries are loaded once, before the fork."""


def floors(root: Path) -> list[set[str]]:
    """The floors from top to bottom, as written in pyproject.toml."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    return [{name.strip() for name in layer.split("|")} for layer in layers]


def test_every_folder_and_module_at_the_top_has_a_floor(root: Path) -> None:
    known = set().union(*floors(root)) | {"__init__", "__main__"}
    package = root / "evaltool"
    found = {p.stem for p in package.glob("*.py")} | {p.parent.name for p in package.glob("*/__init__.py")}
    assert found <= known, f"without a floor: {sorted(found - known)}"


def test_import_contracts_are_kept(root: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def alone(module: str) -> list[str]:
    """What a fresh process holds after importing the module: evaltool, numpy and pandas."""
    done = subprocess.run([sys.executable, "-c", LOADED, module], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


@pytest.fixture(scope="module")
def loaded_by() -> dict[str, list[str]]:
    """Module → what of evaltool a process holds after importing it and nothing else."""
    heavy = [module for module in PLUGIN_MODULES if module.split(".")[1] != "payment"]
    if not hasattr(os, "fork"):
        return {module: alone(module) for module in heavy}
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", FORKED, *heavy], capture_output=True, text=True, check=True, env=env)
    found = json.loads(done.stdout)
    assert all(found.values()), [module for module, names in found.items() if not names]
    return dict(found)


@pytest.mark.parametrize("module", PLUGIN_MODULES)
def test_a_plugin_loads_only_floors_below_it(root: Path, module: str, loaded_by: dict[str, list[str]]) -> None:
    """Plug-ins are imported by name, which import-linter cannot see; so look at what a fresh process holds after."""
    loaded = loaded_by[module] if module in loaded_by else alone(module)
    own = module.split(".")[1]
    order = floors(root)
    level = next(i for i, names in enumerate(order) if own in names)
    allowed = set().union(*order[level + 1 :]) | {own}
    seen = {name.split(".")[1] for name in loaded if name.startswith("evaltool.")}
    assert seen <= allowed, f"{module} loads {sorted(seen - allowed)}"
    if own == "payment":
        heavy = {name.split(".")[0] for name in loaded} - {"evaltool"}
        assert not heavy, f"{module} loads {heavy}: payment is Decimal only"


def test_estimators_do_not_load_each_other(loaded_by: dict[str, list[str]]) -> None:
    for module in registry.estimator_names().values():
        others = set(loaded_by[module]) & (set(registry.estimator_names().values()) - {module})
        assert not others, f"{module} loads {others}"
