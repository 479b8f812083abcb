"""Notebook objects: the adapter to nbformat, which carries no type information."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode


def node(values: Mapping[str, object]) -> NotebookNode:
    """A notebook object with these fields."""
    return NotebookNode(values)  # type: ignore[no-untyped-call]  # nbformat is untyped


def read_notebook(text: str) -> NotebookNode:
    """The notebook in ``text``, valid. Raises ValueError when it is none."""
    try:
        notebook: NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]  # nbformat is untyped
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise ValueError(str(error)) from None
    return notebook


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """The notebook as UTF-8 JSON."""
    text: str = nbformat.writes(notebook, version=4)  # type: ignore[no-untyped-call]  # nbformat is untyped
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
