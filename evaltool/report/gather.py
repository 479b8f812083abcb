"""From an executed notebook to the blocks of its document, with everything an evaluator added."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode
from pydantic import ValidationError

from evaltool.errors import Fault, RunError
from evaltool.language.words import Voice
from evaltool.records.run import Run
from evaltool.report.blocks import MIME, Block, Blocks, DecisionBox, Literally, Picture, Prose
from evaltool.report.sections._parts import decision_box, interim_box
from evaltool.report.telling import Telling

QUIET_TAGS = frozenset({"section-title", "parameters", "injected-parameters"})
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def blocks_of(notebook: NotebookNode, lang: str) -> tuple[Block, ...]:
    """Blocks of every cell in order: sections as published, an evaluator's prose, and the output of their own cells."""
    found: list[Block] = []
    for cell in notebook.cells:
        if QUIET_TAGS & set(cell.metadata.get("tags", [])):
            continue
        if cell.cell_type == "markdown":
            found.append(Prose(text=cell.source))
        elif cell.cell_type == "code":
            for output in cell.outputs:
                found += _output(output, lang)
    return tuple(found)


def _output(output: NotebookNode, lang: str) -> Iterator[Block]:
    """One output: published blocks, a picture, or text as it is. HTML of a cell is never taken over."""
    if output.output_type == "stream":
        if output.name == "stdout" and output.text.strip():
            yield Literally(text=ANSI.sub("", output.text.rstrip()))
        return
    if output.output_type not in {"display_data", "execute_result"}:
        return
    if MIME in output.data:
        yield from _published(output.data[MIME]).blocks
    elif "image/png" in output.data:
        own = Voice(lang).say("document.own_output")
        text = str(output.data.get("text/plain", "")).strip() or own
        yield Picture(caption=own, alt=text[:500], png=re.sub(r"\s+", "", output.data["image/png"]))
    elif "text/plain" in output.data:
        yield Literally(text=ANSI.sub("", output.data["text/plain"]))


def _published(value: object) -> Blocks:
    """A cell's blocks. Raises RunError (RUN_REPORT_BLOCKS) when they are none."""
    try:
        return Blocks.model_validate_json(_json(value), strict=True)
    except ValidationError as error:
        cause = f"A cell published something that is no report section: {error.errors()[0]['msg']}."
        raise RunError(
            Fault("RUN_REPORT_BLOCKS", cause, "Publish sections with evaltool.report.notebook.section.")
        ) from None


def _json(value: object) -> str:
    """A notebook value as JSON text."""
    import json  # noqa: PLC0415 - used here only

    return json.dumps(value)


def check_decision(blocks: tuple[Block, ...], run: Run, lang: str) -> None:
    """The decision shown is the one stored, and it is shown.

    Raises RunError (RUN_REPORT_DECISION) when the box is absent or says anything else.
    """
    telling = Telling(run, lang)
    stored = (decision_box(telling), interim_box(telling))
    shown = [block for block in blocks if isinstance(block, DecisionBox)]
    if shown and all(box in stored for box in shown):
        return
    said = "; ".join(f"{box.state} {box.amount}".strip() for box in shown if box not in stored) or "no decision"
    raise RunError(
        Fault(
            code="RUN_REPORT_DECISION",
            cause=f"The report shows {said}, but {run.decision.state} {run.decision.amount} is stored.",
            fix="Show the decision with the section decision, key_findings or monitoring_status and nothing else.",
        )
    )
