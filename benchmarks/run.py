"""evaltool beside other packages, in one run on this machine: ``make bench``.

Every tool runs in an environment and a process of its own, one after another, with one thread for linear algebra.
Seconds belong to this machine and this moment; only ratios within one run mean anything. Nothing here is a test.
``--write`` puts the table into docs/BENCHMARKS.md as printed, ``--only TEXT`` takes the rows whose title has it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from inputs import REFERENCE, written
from rows import PEERS, ROWS, Row

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LIMIT = 300
"""Seconds after which a tool is given up on."""
Found = dict[str, float]


def environment(tool: str, folder: Path) -> Path | str:
    """The tool's own Python, made once; or why there is none."""
    if tool == "evaltool":
        return Path(sys.executable)
    python = folder / "environments" / tool / "bin" / "python"
    made = python.parents[1] / "made"
    if not made.exists():
        venv.create(python.parents[1], with_pip=True, clear=True)
        command = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *PEERS[tool],
            "pyarrow",
        ]
        done = subprocess.run([*command, "pandas"], capture_output=True, text=True, check=False)
        if done.returncode:
            return "could not be installed"
        made.touch()
    return python


def measured(tool: str, row: Row, folder: Path, repeats: int) -> Found | str:
    """What the tool took, or why there is no figure."""
    python = environment(tool, folder)
    if isinstance(python, str):
        return python
    if row.data in REFERENCE and "EVALTOOL_REFERENCE" not in os.environ:
        return "needs the folder that EVALTOOL_REFERENCE names"
    data = written(row.data, folder / "inputs")
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    command = [str(python), str(HERE / "child.py"), f"{tool}_jobs", row.job, str(data)]
    try:
        done = subprocess.run(
            [*command, str(repeats)], env={**os.environ, **limits}, capture_output=True, text=True, timeout=LIMIT,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not done after {LIMIT} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed"])[-1][:80]
    found: Found = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def cells(found: Found | str, own: Found) -> list[str]:
    """First call, later calls and peak, each also in units of evaltool's."""
    if isinstance(found, str):
        return [found, "–", "–"]
    shown = []
    for name, unit in (("first", "s"), ("again", "s"), ("peak", "MB")):
        figure = f"{found[name]:.2f}" if unit == "s" else f"{found[name]:.0f}"
        shown.append(f"{figure} {unit} ({found[name] / own[name]:.2g}×)" if found is not own else f"{figure} {unit}")
    return shown


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--all", action="store_true", help="with the rows that take minutes and gigabytes")
    parser.add_argument("--only", default="")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="environments and inputs")
    asked = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("evaltool", "numpy", "scipy", "pandas"))
    peers = ", ".join(name for names in PEERS.values() for name in names)
    lines = [
        f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores; {versions}; {peers}.",
        f"First call with the import, in a fresh process; then the median of {asked.repeats}; peak of the process.",
        "",
        "| job | tool | first call | later calls | peak |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for row in ROWS:
        if asked.only not in row.title or (row.heavy and not asked.all):
            continue
        own = measured("evaltool", row, asked.folder, asked.repeats)
        for tool in ("evaltool", *row.peers):
            found = own if tool == "evaltool" else measured(tool, row, asked.folder, asked.repeats)
            shown = cells(found, own) if isinstance(own, dict) else [str(found), "–", "–"]
            title = row.title if tool == "evaltool" else ""
            lines.append(f"| {title} | {tool.replace('_', '-')} | {' | '.join(shown)} |")
            print(lines[-1], flush=True)
    if asked.write:
        page = ROOT / "docs" / "BENCHMARKS.md"
        head = page.read_text(encoding="utf-8").split("\n<!-- table -->\n")[0]
        page.write_text(head + "\n<!-- table -->\n\n" + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
