"""What a notebook calls: open an evaluation, show a section."""

from __future__ import annotations

from pathlib import Path

from evaltool.bundle.exchange import written_beside
from evaltool.bundle.layout import RUN
from evaltool.bundle.pinned import Order, run_pinned
from evaltool.bundle.store import finish, open_run
from evaltool.errors import Fault, Place, UsageError
from evaltool.records.base import Json
from evaltool.records.run import Run
from evaltool.report.blocks import MIME, Blocks, DecisionBox, Figure, Prose, Table
from evaltool.report.html import section_html
from evaltool.report.section import build_section

TOML = ".toml"
COMMAND_DEPTH = 4
"""How many parents up papermill may stand above its kernel."""


def open_evaluation(evaluation: str) -> Run:
    """The finished run in a folder or zip; for a plan, its run, computed in the pinned child process.

    A plan's result is written to ``<output notebook>.run`` beside the notebook papermill is writing, or to
    ``<programme id>.run`` in the current folder when no output notebook is known.

    Raises UsageError (USAGE_NO_EVALUATION) for a path that is neither, and whatever evaluating raises.
    """
    path = Path(evaluation).expanduser()
    if path.suffix == ".zip" or (path / RUN).is_file():
        return open_run(path.resolve())
    plan = path / "plan.toml" if path.is_dir() else path
    if plan.suffix != TOML or not plan.is_file():
        raise UsageError(
            Fault(
                code="USAGE_NO_EVALUATION",
                cause=f"'{evaluation}' is neither a plan nor the folder of a finished run.",
                fix="Give the path of a plan.toml, of a folder that 'evaltool run' wrote, or of its zip.",
                place=Place(file=str(evaluation)),
            )
        )
    return _evaluated(plan.resolve())


def _evaluated(plan: Path) -> Run:
    """Run the plan in the pinned child and keep its result in a folder of its own."""
    folder = _output_folder(plan)
    with written_beside(folder, force=True) as work:
        run_pinned(Order(plan=plan, folder=work))
        finish(open_run(work), work)
    return open_run(folder)


def _output_folder(plan: Path) -> Path:
    """``out.run`` beside papermill's ``out.ipynb``; else ``<programme id>.run`` here."""
    notebook = _papermill_output()
    if notebook is not None:
        return notebook.with_suffix(".run")
    from evaltool.reading.plan_file import read_plan  # noqa: PLC0415 - only where the folder has no other name

    return Path.cwd() / f"{read_plan(plan).programme.id}.run"


def _papermill_output() -> Path | None:
    """The notebook papermill is writing, from the command line of the process that started this kernel."""
    import psutil  # type: ignore[import-untyped]  # noqa: PLC0415 - untyped; ipykernel needs it, so a kernel has it

    process = psutil.Process()
    for _ in range(COMMAND_DEPTH):
        try:
            process = process.parent()
            if process is None:
                return None
            command: list[str] = process.cmdline()
            folder = Path(process.cwd())
        except psutil.Error:
            return None
        notebooks = [word for word in command if word.endswith(".ipynb")]
        if any(Path(word).name.startswith("papermill") for word in command[:3]) and len(notebooks) > 1:
            return (folder / notebooks[1]).resolve()
    return None


class Shown:
    """What a section cell displays: HTML for Jupyter, and the blocks for the finished report."""

    def __init__(self, blocks: Blocks, lang: str) -> None:
        """Hold the blocks of one section."""
        self.blocks = blocks
        self.lang = lang

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Json]:  # noqa: ARG002 - Jupyter's protocol
        """The representations, richest last."""
        return {
            "text/plain": _as_text(self.blocks),
            "text/html": section_html(self.blocks, self.lang),
            MIME: self.blocks.to_json(),
        }


def section(run: Run, name: str, lang: str) -> Shown:
    """Show one report section of ``run`` in ``lang`` (``da`` or ``en``).

    Raises UsageError (USAGE_UNKNOWN_SECTION, USAGE_LANGUAGE).
    """
    if lang not in {"da", "en"}:
        raise UsageError(
            Fault(code="USAGE_LANGUAGE", cause=f"Reports are not written in '{lang}'.", fix='Use lang = "da" or "en".')
        )
    return Shown(build_section(name, run, lang), lang)


def _as_text(blocks: Blocks) -> str:
    """A plain rendering for terminals: headings, decision, captions."""
    lines: list[str] = []
    for block in blocks.blocks:
        if isinstance(block, Prose):
            lines += [part for part in (block.heading, block.text) if part]
        elif isinstance(block, DecisionBox):
            lines += [f"{block.title} {block.amount}".strip(), *block.lines]
        elif isinstance(block, Table | Figure):
            lines.append(block.caption)
    return "\n".join(lines)
