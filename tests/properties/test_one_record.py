"""One plan, one set of data, one record: whatever the order of rows and columns, the type of ids, the threads."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import shuffled_samples as shuffles

from evaltool import read_panel, read_plan
from evaltool.bundle.layout import DETERMINATION

HERE = Path(__file__).resolve().parent
THREADS = (1, 2)


def surroundings(threads: int) -> dict[str, str]:
    """The environment with so many threads for linear algebra, and a hash seed of its own."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {**os.environ, **limits, "PYTHONHASHSEED": str(threads)}


def at_once(commands: dict[int, list[str]]) -> dict[int, str]:
    """What the commands print, each in its surroundings; both run at the same time."""
    started = {
        threads: subprocess.Popen(
            [sys.executable, *command],
            env=surroundings(threads),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        for threads, command in commands.items()
    }
    answers = {threads: process.communicate() for threads, process in started.items()}
    for threads, process in started.items():
        assert process.returncode == 0, answers[threads][1][-3000:]
    return {threads: out for threads, (out, _) in answers.items()}


@pytest.mark.slow
@pytest.mark.parametrize("sample", ["into_work", "homelessness"])
def test_any_order_any_type_of_id_any_threads_give_one_record(sample: str) -> None:
    """50 shuffles of one type of ids and 10 of each other, every second with two threads: the same bytes per type.

    Here nothing is pinned, so that the sameness is the program's own.
    """
    program, every = str(HERE / "shuffled_samples.py"), str(len(THREADS))
    commands = {threads: [program, sample, every, str(rest), *shuffles.KINDS] for rest, threads in enumerate(THREADS)}
    answers = {threads: json.loads(out) for threads, out in at_once(commands).items()}
    for kind in shuffles.KINDS:
        records = {digest for found in answers.values() for digest in found[kind]}
        assert len(records) == 1, kind
    assert len({answers[1][kind][0] for kind in shuffles.KINDS}) > 1, "other ids are other data, and say so"


def test_another_value_is_another_record(tmp_path: Path) -> None:
    """The comparison can fail: one outcome more by one week, and the bytes differ."""
    plan = read_plan(shuffles.SAMPLES / "into_work" / "plan.toml")
    cells = shuffles.smaller(shuffles.table("into_work", plan), "into_work", plan)
    first = shuffles.record(plan, shuffles.written(cells, tmp_path / "a.csv", plan))
    at = next(place for place, row in enumerate(cells) if row[2] == "1" and int(row[-1]) < 52)
    cells[at] = [*cells[at][:-1], str(int(cells[at][-1]) + 1)]
    assert shuffles.record(plan, shuffles.written(cells, tmp_path / "b.csv", plan)) != first


@pytest.mark.parametrize("kind", shuffles.KINDS)
def test_any_order_of_rows_and_columns_gives_one_panel(tmp_path: Path, kind: str) -> None:
    plan = read_plan(shuffles.SAMPLES / "school_absence" / "plan.toml")
    cells, plan = shuffles.with_ids(shuffles.table("school_absence", plan), plan, kind)
    path = tmp_path / "absence.csv"
    first = read_panel(plan, shuffles.written(cells, path, plan))
    assert first is not None
    for seed in range(shuffles.SHUFFLES):
        again = read_panel(plan, shuffles.written(shuffles.shuffled(cells, seed), path, plan))
        assert again is not None
        assert again.identity == first.identity
        assert again.frame.equals(first.frame)
        assert list(again.frame.columns) == list(first.frame.columns)


@pytest.mark.slow
@pytest.mark.parametrize("sample", sorted(shuffles.FILES))
def test_the_command_gives_the_same_bytes_from_shuffled_rows_with_one_thread_and_with_two(
    tmp_path: Path, sample: str
) -> None:
    """The whole sample with the locks that ship with it: the pinned child, the sealed design, the file."""
    commands = {}
    for threads in THREADS:
        folder = tmp_path / f"threads{threads}"
        folder.mkdir()
        for name in ("plan.toml", "plan.lock", "plan.design.lock"):
            if (shuffles.SAMPLES / sample / name).is_file():
                shutil.copyfile(shuffles.SAMPLES / sample / name, folder / name)
        plan = read_plan(folder / "plan.toml")
        cells = shuffles.table(sample, plan)
        head, *rows = cells
        random.Random(threads).shuffle(rows)  # noqa: S311 - an order, not a secret
        shuffles.written([head, *rows], folder / shuffles.FILES[sample], plan)
        out = str(tmp_path / f"out{threads}")
        commands[threads] = ["-m", "evaltool", "run", str(folder / "plan.toml"), "--out", out, "--no-report"]
    at_once(commands)
    records = {(tmp_path / f"out{threads}" / DETERMINATION).read_bytes() for threads in THREADS}
    assert len(records) == 1
    assert json.loads(records.pop())["decision"]["state"] == "PAY_PARTIAL"
