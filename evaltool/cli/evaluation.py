"""One evaluation from plan to sealed folder: the pinned child process, the reports, the manifest, the exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from evaltool.bundle import layout
from evaltool.bundle.exchange import written_beside
from evaltool.bundle.pinned import Order, run_pinned
from evaltool.cli.terminal import RULE, Progress, say
from evaltool.errors import Fault, Place, UsageError
from evaltool.records.base import EARLIEST, LATEST

if TYPE_CHECKING:
    from evaltool.records.estimate import Estimate
    from evaltool.records.run import Run

TEMPLATES = ("payment_notice", "technical_report")
SHOWN = (
    (layout.REPORT_HTML, "report"),
    (layout.REPORT_PDF, "report, PDF"),
    (layout.NOTICE_HTML, "notice"),
    (layout.NOTICE_PDF, "notice, PDF"),
    (layout.DETERMINATION, "record"),
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Which reports, in which language; none when ``templates`` is empty."""

    lang: str = "en"
    templates: tuple[str, ...] = TEMPLATES
    allow_untrusted: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for besides the plan."""

    out: Path
    as_of: date | None = None
    drawing: Drawing = Drawing()
    force: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that stands in its folder, and its manifest's sha256."""

    run: Run
    manifest: str
    folder: Path


def evaluate_to(plan: Path, wish: Wish, progress: Progress) -> Finished:
    """Evaluate the plan and put the whole result in place in one step.

    Raises UsageError before any work when the folder may not be written; else what reading, evaluating and drawing
    raise. Earlier results are untouched unless all went well.
    """
    with written_beside(wish.out, force=wish.force) as work:
        run_pinned(Order(plan=plan.resolve(), folder=work, as_of=wish.as_of), progress)
        run, manifest = draw_and_seal(work, wish.drawing, progress, out=wish.out)
    return Finished(run, manifest, wish.out)


def failed_notebook(out: Path) -> Path:
    """Where the notebook of a report that failed is kept, beside the result's place: the work folder is cleared."""
    place = out.resolve()
    return place.with_name(f"{place.name}.failed-report.ipynb")


def draw_and_seal(work: Path, drawing: Drawing, progress: Progress, *, out: Path) -> tuple[Run, str]:
    """Draw the reports into a work folder that holds the records, then seal it; returns run and manifest hash.

    When a report fails, its notebook is kept beside ``out``, the result's place, until the next time all goes well.
    """
    from evaltool.bundle.store import finish, open_run  # noqa: PLC0415 - numpy loads only when something is evaluated

    if drawing.templates:
        from evaltool.report.render import render_reports  # noqa: PLC0415 - same

        progress("reports")
        render_reports(
            work,
            lang=drawing.lang,
            templates=drawing.templates,
            progress=progress,
            allow_untrusted=drawing.allow_untrusted,
            failed=failed_notebook(out),
        )
    progress("seal")
    run = open_run(work)
    manifest = finish(run, work)
    failed_notebook(out).unlink(missing_ok=True)
    return run, manifest


def asked_drawing(names: Sequence[str] | None, lang: str, *, allow_untrusted: bool) -> Drawing:
    """What to draw: the templates named, else notice and report.

    Raises UsageError for templates that cannot be used, before any work is done.
    """
    if names:
        from evaltool.report.templates import read_template  # noqa: PLC0415 - keeps --help light

        for name in names:
            read_template(name, allow_untrusted=allow_untrusted)
    return Drawing(lang, tuple(names) if names else TEMPLATES, allow_untrusted)


def parsed_date(text: str | None, option: str = "--as-of") -> date | None:
    """What was given to ``option`` as a date. Raises UsageError (USAGE_BAD_DATE)."""
    if text is None:
        return None
    place, fix = Place(key=option), "Write it as YYYY-MM-DD, for example 2025-06-30."
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise UsageError(Fault("USAGE_BAD_DATE", f"'{text}' is not a date.", fix, place)) from None
    if not EARLIEST <= found <= LATEST:
        cause = f"{found} does not lie between {EARLIEST} and {LATEST}."
        raise UsageError(Fault("USAGE_BAD_DATE", cause, fix, place))
    return found


def as_table(finished: Finished) -> dict[str, object]:
    """A finished run as the JSON answer."""
    decision = finished.run.decision
    effect = shown_effect(finished.run)
    return {
        "programme": finished.run.plan.programme.id,
        "state": decision.state,
        "amount": str(decision.amount),
        "currency": decision.currency,
        "flags": list(decision.flags),
        "reasons": list(decision.reasons),
        "effect": None if effect is None else effect.att,
        "standard_error": None if effect is None else effect.se,
        "folder": str(finished.folder),
        "files": {name: str(finished.folder / name) for name, _ in SHOWN if (finished.folder / name).is_file()},
        "manifest": finished.manifest,
    }


def shown_effect(run: Run) -> Estimate | None:
    """The headline estimate, or None where the record withholds it because too few people stand behind it."""
    from evaltool.bundle.determination import CellRule  # noqa: PLC0415 - numpy loads only when something is evaluated

    return None if CellRule(run).headline_withheld else run.estimate


def _effect(run: Run) -> str:
    """The effect and its spread in one line."""
    estimate = shown_effect(run)
    if estimate is None:
        return "withheld: too few people stand behind it"
    spread = f" (standard error {estimate.se:.4g})" if estimate.se is not None else _why_none(estimate)
    return f"{estimate.att:.6g}{spread}, {estimate.method}"


def _why_none(estimate: Estimate) -> str:
    """Why no standard error is shown, in words."""
    from evaltool.records.showing import REASONS  # noqa: PLC0415 - pandas loads only when something is evaluated

    return "" if estimate.absent is None else f" (no standard error: {REASONS[estimate.absent]})"


def show_box(finished: Finished) -> None:
    """The decision and where everything is, in a few lines."""
    from evaltool.bundle.determination import CellRule  # noqa: PLC0415 - numpy loads only when something is evaluated

    run, decision, cells = finished.run, finished.run.decision, CellRule(finished.run)
    say(RULE)
    say(f"  {run.plan.programme.title.in_language('en') or run.plan.programme.id}")
    say(f"  {decision.state}   {decision.amount} {decision.currency}   as of {run.as_of.isoformat()}")
    if decision.flags:
        say(f"  flags    {', '.join(decision.flags)}")
    if decision.reasons:
        say(f"  reasons  {', '.join(decision.reasons)}")
    say(f"  effect   {_effect(run)}")
    for gate in run.gates:
        if gate.verdict in {"REVIEW", "FAIL", "CANNOT_TELL"}:
            sentence = "withheld" if cells.hides_gate(gate) else gate.sentence.in_language("en")
            say(f"  {gate.verdict.lower():8} {gate.name}: {sentence}")
    say(RULE)
    for name, what in SHOWN:
        if (finished.folder / name).is_file():
            say(f"  {what:12} {finished.folder / name}")
    say(f"  {'manifest':12} {finished.manifest}")
