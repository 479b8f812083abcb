"""A sample with other ids and its rows and columns in another order, and the records that come out of it.

As a program, ``python shuffled_samples.py SAMPLE EVERY REST KIND…`` prints, per kind of id, the sha256 of every
distinct record of those of 50 shuffles whose number leaves REST when divided by EVERY, as JSON. The tests start it with
one thread and with two.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from evaltool import evaluate, read_panel, read_plan
from evaltool.bundle.determination import determination_bytes
from evaltool.records.lock import LockStatus
from evaltool.records.plan.evaluation_plan import EvaluationPlan

Cells = list[list[str]]
SAMPLES = Path(__file__).resolve().parents[2] / "data_samples"
SHUFFLES = 50
"""For the first kind of ids; a fifth of it for every other."""
FILES = {"into_work": "people.csv", "homelessness": "shelters.csv", "school_absence": "absence.csv"}
KINDS: Mapping[str, Callable[[int], str]] = {
    "integer": lambda rank: str(rank - 7),  # some are negative
    "zero_padded": lambda rank: f"{rank:06d}",
    "unpadded": str,  # text, so that "10" stands before "9"
    "free_text": lambda rank: f"{('Ærø', 'ærø', 'Zoë')[rank % 3]} {rank % 17}, {rank}. sal – ß",
}
"""Ids by the rank of the sample's own."""
KEPT = {"into_work": 200, "homelessness": 20}
"""Units without the intervention that stay; all with it do. Fewer rows make no shuffle less thorough."""


def table(sample: str, plan: EvaluationPlan) -> Cells:
    """The cells of a sample's data file; none of them is quoted."""
    text = (SAMPLES / sample / FILES[sample]).read_text(encoding=plan.data.encoding)
    assert '"' not in text
    return [line.split(plan.data.delimiter) for line in text.splitlines()]


def smaller(cells: Cells, sample: str, plan: EvaluationPlan) -> Cells:
    """The first ``KEPT`` units without the intervention, everybody with it, and every unit the plan names."""
    unit, start = (cells[0].index(name) for name in (_name(plan, "unit"), _name(plan, "treated", "first_treated")))
    named = set(_named(plan))
    own = {row[unit] for row in cells[1:] if row[start] not in {"", "0"} or row[unit] in named}
    others = dict.fromkeys(row[unit] for row in cells[1:] if row[unit] not in own)
    kept = own | set(list(others)[: KEPT[sample]])
    return [cells[0], *(row for row in cells[1:] if row[unit] in kept)]


def _name(plan: EvaluationPlan, *roles: str) -> str:
    """The name of the first column with one of the roles."""
    return next(column.name for column in plan.data.column if column.role in roles)


def _named(plan: EvaluationPlan) -> tuple[str, ...]:
    """Units the plan calls by their ids."""
    listed = plan.design.options.get("exclusions", ())
    return tuple(str(one["unit"]) for one in listed if isinstance(one, dict)) if isinstance(listed, tuple) else ()


def written(cells: Cells, path: Path, plan: EvaluationPlan) -> Path:
    path.write_text("".join(plan.data.delimiter.join(row) + "\n" for row in cells), encoding=plan.data.encoding)
    return path


def shuffled(cells: Cells, seed: int) -> Cells:
    """Rows and columns in another order."""
    order = random.Random(seed)  # noqa: S311 - an order, not a secret
    head, *rows = cells
    order.shuffle(rows)
    columns = list(range(len(head)))
    order.shuffle(columns)
    return [[row[c] for c in columns] for row in (head, *rows)]


def with_ids(cells: Cells, plan: EvaluationPlan, kind: str) -> tuple[Cells, EvaluationPlan]:
    """Other ids for the same units, in the data and where the plan names them; the plan declares their type.

    Of the plan's alternative specifications the first stays; other methods and chances before data, which take most of
    the time and none of the rows' order, are left out.
    """
    at = cells[0].index(_name(plan, "unit"))
    ids = {name: KINDS[kind](rank) for rank, name in enumerate(sorted({row[at] for row in cells[1:]}))}
    assert len(set(ids.values())) == len(ids)
    changed = [cells[0], *([*row[:at], ids[row[at]], *row[at + 1 :]] for row in cells[1:])]
    declared = "integer" if kind == "integer" else "text"
    column = tuple(c.model_copy(update={"type": declared}) if c.role == "unit" else c for c in plan.data.column)
    update: dict[str, object] = {
        "data": plan.data.model_copy(update={"column": column}),
        "sensitivity": plan.sensitivity[:1],
        "prior": (),
        "governance": plan.governance.model_copy(update={"side_by_side": False}),
    }
    if _named(plan):
        excluded = tuple({**one, "unit": ids[str(one["unit"])]} for one in plan.design.options["exclusions"])
        options = {**plan.design.options, "exclusions": excluded}
        update["design"] = plan.design.model_copy(update={"options": options})
    return changed, plan.model_copy(update=update)


def record(plan: EvaluationPlan, data: Path) -> bytes:
    """The machine record, decided as if plan and design had been locked."""
    lock = LockStatus(state="locked", seal=plan.seal, design="locked", design_seal="0" * 64)
    return determination_bytes(evaluate(plan.without_file(), read_panel(plan, data), lock=lock))


def digests(sample: str, kind: str, folder: Path, numbers: range) -> list[str]:
    """The sha256 of every distinct record of the rows as they came and of the shuffles with these numbers."""
    plan = read_plan(SAMPLES / sample / "plan.toml")
    cells, plan = with_ids(smaller(table(sample, plan), sample, plan), plan, kind)
    path = folder / FILES[sample]
    found = {hashlib.sha256(record(plan, written(cells, path, plan))).hexdigest()}
    for seed in numbers:
        found.add(hashlib.sha256(record(plan, written(shuffled(cells, seed), path, plan))).hexdigest())
    return sorted(found)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        every, rest = int(sys.argv[2]), int(sys.argv[3])
        asked = {kind: range(rest, SHUFFLES // (1 if kind == sys.argv[4] else 5), every) for kind in sys.argv[4:]}
        answers = {kind: digests(sys.argv[1], kind, Path(made), seeds) for kind, seeds in asked.items()}
    sys.stdout.write(json.dumps(answers))
