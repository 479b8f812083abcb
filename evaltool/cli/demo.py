"""``evaltool demo``: the bundled programmes, end to end."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from evaltool.bundle.exchange import refuse_existing
from evaltool.cli.evaluation import SHOWN, Drawing, Finished, Wish, as_table, evaluate_to
from evaltool.cli.terminal import (
    Format,
    FormatOption,
    Language,
    LanguageOption,
    answer,
    progress_on,
    remark,
    say,
    table,
)
from evaltool.errors import EXIT_OK, EXIT_RUN

EXPECTED = "expected.toml"


@dataclass(frozen=True, slots=True)
class Sample:
    """One bundled programme and what it must decide."""

    name: str
    plan: Path
    expected: Mapping[str, object]


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the results; one folder per programme.")] = Path(
        "demo"
    ),
    lang: LanguageOption = Language.en,
    form: FormatOption = Format.text,
) -> int:
    """Evaluate the bundled sample programmes: estimates, decisions, reports, sealed bundles.

    Each decision is compared with the one its sample is known to reach; exit code 4 when one differs. Running it
    again puts new results in the place of the old ones.
    """
    found = samples()
    out.mkdir(parents=True, exist_ok=True)
    for sample in found:
        refuse_existing(out / sample.name, force=True)
    finished: list[tuple[Sample, Finished]] = []
    for number, sample in enumerate(found, start=1):
        what = f"[{number}/{len(found)}] {sample.name}"
        if form is Format.text and not sys.stderr.isatty():
            remark(what)
        with progress_on(form, what) as progress:
            wish = Wish(out=out / sample.name, drawing=Drawing(lang.value), force=True)
            finished.append((sample, evaluate_to(sample.plan, wish, progress)))
    wrong = [sample.name for sample, run in finished if not _as_expected(sample, run)]
    if form is Format.json:
        answer({"runs": [as_table(run) | {"sample": s.name, "expected": s.name not in wrong} for s, run in finished]})
    else:
        _show(finished, wrong)
    return EXIT_RUN if wrong else EXIT_OK


def samples() -> tuple[Sample, ...]:
    """The bundled programmes whose data are bundled too, by name; folders below folders are joined by a dash."""
    from evaltool.language.share import share_folder  # noqa: PLC0415 - keeps --help light

    root = share_folder("data_samples")
    found = []
    for file in sorted(root.rglob(EXPECTED)):
        plan = file.parent / "plan.toml"
        expected = tomllib.loads(file.read_text(encoding="utf-8"))
        if not _has_data(plan):
            continue
        name = "-".join(file.parent.relative_to(root).parts)
        found.append(Sample(name, plan, expected))
    return tuple(found)


def _has_data(plan: Path) -> bool:
    """Whether the data file a plan names, if any, lies beside it (some samples need data that cannot be shipped)."""
    data = tomllib.loads(plan.read_text(encoding="utf-8")).get("data", {})
    return data.get("source") == "none" or "path" not in data or (plan.parent / data["path"]).is_file()


def _as_expected(sample: Sample, finished: Finished) -> bool:
    """Whether the decision is the one the sample is known to reach."""
    decision = finished.run.decision
    known = sample.expected
    return (
        decision.state == known["state"]
        and decision.amount == Decimal(str(known.get("amount", decision.amount)))
        and list(decision.flags) == known.get("flags", list(decision.flags))
        and list(decision.reasons) == known.get("reasons", list(decision.reasons))
    )


def _show(finished: list[tuple[Sample, Finished]], wrong: list[str]) -> None:
    """The decisions, then where the reports are."""
    rows = []
    for sample, run in finished:
        decision, estimate = run.run.decision, run.run.estimate
        spread = "–" if estimate.se is None else f"{estimate.se:.4g}"
        verdict = "NOT AS EXPECTED" if sample.name in wrong else "as expected"
        money = f"{decision.amount:,} {decision.currency}"
        rows.append((sample.name, decision.state, money, f"{estimate.att:.4g}", spread, verdict))
    say(table(("programme", "decision", "amount", "effect", "s.e.", ""), rows))
    for sample, run in finished:
        say(f"\n{sample.name}")
        for name, what in SHOWN:
            if (run.folder / name).is_file():
                say(f"  {what:12} {run.folder / name}")
    say("\nEach folder is a sealed bundle: `evaltool verify FOLDER --rerun` computes it again.")
    if wrong:
        remark(f"Not the decision the sample is known to reach: {', '.join(wrong)}.")
