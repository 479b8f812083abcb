"""What the tests of the replays share: folders, what they must reach, a probe through the plan road."""

from __future__ import annotations

import shutil
import tomllib
from functools import cache
from pathlib import Path

from evaltool.pipeline import evaluate
from evaltool.reading.lock_file import write_lock
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.run import Run

REPLAYS = Path(__file__).resolve().parents[2] / "data_samples" / "replays"
NAMES = sorted(path.name for path in REPLAYS.iterdir() if path.is_dir())
Table = dict[str, object]


@cache
def run_of(name: str) -> Run:
    """The replay evaluated in this process."""
    plan = read_plan(REPLAYS / name / "plan.toml")
    return evaluate(plan, read_panel(plan))


@cache
def expected(name: str) -> Table:
    """What it must reach."""
    return tomllib.loads((REPLAYS / name / "expected.toml").read_text(encoding="utf-8"))


def table(name: str, key: str) -> Table:
    """One table of what it must reach; empty where there is none."""
    found = expected(name).get(key, {})
    assert isinstance(found, dict)
    return found


def listed(found: object) -> list[tuple[str, str]]:
    """Pairs of texts, as a list of probes holds them."""
    assert isinstance(found, list)
    return [(str(first), str(second)) for first, second in found]


def probed(name: str, figure: str, folder: Path) -> Run:
    """The replay with another figure in the text of its plan, locked anew and evaluated."""
    stated = table(name, "probes")
    target = folder / f"{name}-{figure}"
    shutil.copytree(REPLAYS / name, target, ignore=shutil.ignore_patterns("*.lock", "__pycache__"))
    file = target / "plan.toml"
    text, old = file.read_text(encoding="utf-8"), str(stated["replace"])
    assert text.count(old) == 1, f"{name}: {old} must stand once in the plan"
    file.write_text(text.replace(old, str(stated["with"]).format(figure=figure)), encoding="utf-8")
    write_lock(read_plan(file))
    plan = read_plan(file)
    return evaluate(plan, read_panel(plan))
