"""Report templates: found, identified by content, and trusted only when they shipped with the program."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from evaltool.errors import Fault, Place, UsageError, did_you_mean
from evaltool.language.share import share_folder
from evaltool.report.nodes import read_notebook

KNOWN = ("payment_notice", "technical_report", "monitoring")
OUTPUTS = {"payment_notice": "notice", "technical_report": "report", "monitoring": "report"}
"""Template → name of its files in ``release/``; templates of one's own are written as ``report``."""
TRUSTED = Path(__file__).resolve().parent / "looks" / "trusted.toml"
SIZE_LIMIT = 5_000_000


@dataclass(frozen=True, slots=True)
class Template:
    """A notebook to be run. ``trusted``: its cells are the ones that shipped."""

    name: str
    notebook: NotebookNode
    trusted: bool

    @property
    def output(self) -> str:
        """Name of its files in ``release/``."""
        return OUTPUTS.get(self.name, "report")


def read_template(name: str, *, allow_untrusted: bool) -> Template:
    """The shipped template called ``name``, or the notebook at that path.

    Raises UsageError: USAGE_UNKNOWN_TEMPLATE, USAGE_TEMPLATE_UNREADABLE, and USAGE_TEMPLATE_UNTRUSTED for cells that
    did not ship unless ``allow_untrusted``.
    """
    path = _path_of(name)
    kind = name if name in KNOWN else path.stem
    notebook = _read(path)
    trusted = fingerprint(notebook) in trusted_fingerprints().values()
    if not trusted and not allow_untrusted:
        raise UsageError(
            Fault(
                code="USAGE_TEMPLATE_UNTRUSTED",
                cause=f"The template '{path.name}' is not one that shipped with this version: its cells were changed.",
                fix="Use a shipped template, or allow untrusted templates; the report is then stamped UNTRUSTED.",
                place=Place(file=str(path)),
            )
        )
    return Template(kind, notebook, trusted)


def _path_of(name: str) -> Path:
    """The template's file. Raises UsageError (USAGE_UNKNOWN_TEMPLATE)."""
    path = share_folder("templates") / f"{name}.ipynb" if name in KNOWN else Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    raise UsageError(
        Fault(
            code="USAGE_UNKNOWN_TEMPLATE",
            cause=f"There is no report template called '{name}'.",
            fix=f"Use one of: {', '.join(KNOWN)}; or the path of a notebook.",
            suggestion=did_you_mean(name, KNOWN),
        )
    )


def _read(path: Path) -> NotebookNode:
    """The notebook object, read from this disk only. Raises UsageError (USAGE_TEMPLATE_UNREADABLE)."""
    try:
        if path.stat().st_size > SIZE_LIMIT:
            message = "it is too large"
            raise ValueError(message)  # noqa: TRY301 - one refusal for every way to be unreadable
        notebook = read_notebook(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        cause = f"The template cannot be read as a notebook: {str(error).splitlines()[0][:200]}."
        raise UsageError(
            Fault(
                "USAGE_TEMPLATE_UNREADABLE",
                cause,
                "Open and save it in Jupyter, or copy a shipped one.",
                Place(file=str(path)),
            )
        ) from None
    return notebook


def fingerprint(notebook: NotebookNode) -> str:
    """sha256 of kind, text and tags of every cell: what a notebook does, however it is laid out on disk."""
    cells = [(c.cell_type, c.source.replace("\r\n", "\n"), sorted(c.metadata.get("tags", []))) for c in notebook.cells]
    return hashlib.sha256(json.dumps(cells, ensure_ascii=False).encode()).hexdigest()


def trusted_fingerprints() -> Mapping[str, str]:
    """Template → fingerprint of the shipped ones."""
    return {name: str(value) for name, value in tomllib.loads(TRUSTED.read_text(encoding="utf-8")).items()}
