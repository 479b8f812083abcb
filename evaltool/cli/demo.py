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
from evaltool.cli.evaluation import SHOWN, Drawing, Finished, Wish, as_table, evaluate_to, shown_effect
from evaltool.cli.terminal import (
    Format,
    FormatOption,
    Language,
    LanguageOption,
    Progress,
    answer,
    fault_table,
    progress_on,
    remark,
    say,
    table,
)
from evaltool.errors import EXIT_OK, EXIT_RUN, EvaltoolError

EXPECTED = "expected.toml"
REPLAYS = "replays"
"""Folder of the contracts replayed as arithmetic: run one by one, not by the demo."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One bundled programme and what it must decide."""

    name: str
    plan: Path
    expected: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sample: a finished run, or the error that ended it."""

    sample: Sample
    finished: Finished | None = None
    error: EvaltoolError | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the decision is the one the sample is known to reach."""
        if self.finished is None:
            return False
        decision, known = self.finished.run.decision, self.sample.expected
        return (
            decision.state == known["state"]
            and decision.amount == Decimal(str(known.get("amount", decision.amount)))
            and list(decision.flags) == known.get("flags", list(decision.flags))
            and list(decision.reasons) == known.get("reasons", list(decision.reasons))
        )


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the results, one for each programme.")] = Path("demo"),
    lang: LanguageOption = Language.en,
    form: FormatOption = Format.text,
) -> int:
    """Evaluate the bundled sample programmes: estimates, decisions, reports, sealed bundles.

    Each decision is compared with the one its sample is known to reach; exit code 4 when one differs or fails.
    Running it again puts new results in the place of the old ones.
    """
    found = samples()
    out.mkdir(parents=True, exist_ok=True)
    for sample in found:
        refuse_existing(out / sample.name, force=True)
    outcomes: list[Outcome] = []
    for number, sample in enumerate(found, start=1):
        what = f"[{number}/{len(found)}] {sample.name}"
        if form is Format.text and not sys.stderr.isatty():
            remark(what)
        with progress_on(form, what) as progress:
            wish = Wish(out=out / sample.name, drawing=Drawing(lang.value), force=True)
            outcomes.append(_attempt(sample, wish, progress))
    if form is Format.json:
        answer({"runs": [_as_json(outcome) for outcome in outcomes]})
    else:
        _show(outcomes)
    return EXIT_OK if all(outcome.as_expected for outcome in outcomes) else EXIT_RUN


def _attempt(sample: Sample, wish: Wish, progress: Progress) -> Outcome:
    """Evaluate one sample; a failure is shown and does not stop the others."""
    try:
        return Outcome(sample, finished=evaluate_to(sample.plan, wish, progress))
    except EvaltoolError as error:
        return Outcome(sample, error=error)


def samples() -> tuple[Sample, ...]:
    """The bundled programmes whose data are bundled too, by name; folders below folders are joined by a dash."""
    from evaltool.language.share import share_folder  # noqa: PLC0415 - keeps --help light

    root = share_folder("data_samples")
    found = []
    for file in sorted(root.rglob(EXPECTED)):
        if file.relative_to(root).parts[0] == REPLAYS:
            continue
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


def _as_json(outcome: Outcome) -> dict[str, object]:
    """One sample's outcome as the JSON answer."""
    shown: dict[str, object] = {"sample": outcome.sample.name, "expected": outcome.as_expected}
    if outcome.finished is not None:
        return as_table(outcome.finished) | shown
    faults = outcome.error.faults if outcome.error is not None else ()
    return shown | {"faults": [fault_table(fault) for fault in faults]}


def _row(outcome: Outcome) -> tuple[str, ...]:
    """One sample's line of the table."""
    name = outcome.sample.name
    if outcome.finished is None:
        codes = ", ".join(outcome.error.codes) if outcome.error is not None else ""
        return (name, "FAILED", "", "", "", codes)
    decision, effect = outcome.finished.run.decision, shown_effect(outcome.finished.run)
    size = "withheld" if effect is None else f"{effect.att:.4g}"
    spread = "–" if effect is None or effect.se is None else f"{effect.se:.4g}"
    verdict = "as expected" if outcome.as_expected else "NOT AS EXPECTED"
    return (name, decision.state, f"{decision.amount:,} {decision.currency}", size, spread, verdict)


def _show(outcomes: list[Outcome]) -> None:
    """The decisions, then where the reports are, then what went wrong."""
    say(table(("programme", "decision", "amount", "effect", "s.e.", ""), [_row(outcome) for outcome in outcomes]))
    for finished in (outcome.finished for outcome in outcomes if outcome.finished is not None):
        say(f"\n{finished.folder}")
        for name, what in SHOWN:
            if (finished.folder / name).is_file():
                say(f"  {what:12} {finished.folder / name}")
    say("\nEach folder is a sealed bundle: `evaltool verify FOLDER --rerun` computes it again.")
    for outcome in outcomes:
        if outcome.error is not None:
            remark(f"\n{outcome.sample.name} failed:\n{outcome.error}")
        elif not outcome.as_expected:
            remark(f"\n{outcome.sample.name}: not the decision the sample is known to reach.")
