"""Where the files are that ship with the package and are not code: templates and sample programmes."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
NAMES = ("templates", "data_samples")


def share_folder(name: str) -> Path:
    """The shipped folder called ``name``: inside the installed package, else at the root of a source checkout.

    Raises ValueError for a name that is not shipped, FileNotFoundError when the installation is incomplete.
    """
    if name not in NAMES:
        message = f"no shipped folder is called '{name}'; there are {', '.join(NAMES)}"
        raise ValueError(message)
    for folder in (PACKAGE / "_share" / name, PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    message = f"this installation of evaltool lacks its '{name}' folder; install it again"
    raise FileNotFoundError(message)
