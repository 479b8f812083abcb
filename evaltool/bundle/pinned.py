"""The pinned child process: decision numbers are computed where nothing but plan and data decides a bit.

BLAS threads, BLAS kernel and SIMD level are fixed before numpy loads. Progress and faults come back as JSON lines.
The child watches its standard input and ends when its parent does, however the parent ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import IO

from evaltool.errors import FAMILIES, Fault, Place, RunError

Progress = Callable[[str], None]
FIXED = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "MPLBACKEND": "Agg",
}
PROFILE_KEYS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "PYTHONHASHSEED",
)
KEPT = ("PATH", "HOME", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_START")
KEPT_PREFIXES = ("COVERAGE_", "COV_CORE_")
X86 = frozenset({"x86_64", "amd64"})
PROBE = (
    "import json\n"
    "from numpy._core._multiarray_umath import __cpu_dispatch__ as d, __cpu_features__ as f\n"
    "print(json.dumps({'on': [n for n in d if f.get(n)], 'avx2': bool(f.get('AVX2'))}))\n"
)
SIGN_OF_WIDE = ("AVX512", "X86_V4")


@dataclass(frozen=True, slots=True)
class Order:
    """What the child is asked to do."""

    plan: Path
    folder: Path
    as_of: date | None = None
    again: bool = False
    """Whether a bundle is computed again: earlier runs were held against the plan when it was first computed."""


@dataclass(frozen=True, slots=True)
class DesignOrder:
    """Which design the child is asked to build and seal; ``data`` takes the place of the plan's own path."""

    plan: Path
    data: Path | None = None


def lock_design_pinned(order: DesignOrder, progress: Progress | None = None) -> None:
    """Build the plan's design without outcomes and seal it beside the plan, in the child. Raises as ``run_pinned``."""
    request = {"task": "lock_design", "plan": str(order.plan)}
    request |= {"data": str(order.data)} if order.data else {}
    _carried_out(request, progress or (lambda _stage: None))


def run_pinned(order: Order, progress: Progress | None = None) -> None:
    """Read, evaluate and write a bundle's parts into ``order.folder`` (which exists and is empty), in the child.

    Raises whatever the child raised, with all its faults; RunError (RUN_CHILD_DIED) when it ended without a word.
    """
    request = {"task": "evaluate", "plan": str(order.plan), "folder": str(order.folder)}
    request |= {"as_of": order.as_of.isoformat()} if order.as_of else {}
    request |= {"again": "yes"} if order.again else {}
    _carried_out(request, progress or (lambda _stage: None))


def _carried_out(request: dict[str, str], tell: Progress) -> None:
    """Hand the request to the child and listen until it is done. Raises as ``run_pinned``."""
    with tempfile.TemporaryFile() as noise, _child(noise) as child:
        if child.stdin is None or child.stdout is None:  # pragma: no cover - both were asked for as pipes
            message = "the child process has no pipes"
            raise RuntimeError(message)
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
        done = _listen(child.stdout, tell)
        code = child.wait()
        if not done or code != 0:
            noise.seek(0)
            raise RunError(_died(code, noise.read().decode("utf-8", "replace")))


def _listen(stream: IO[bytes], tell: Progress) -> bool:
    """Pass progress on until the child says it is done. Raises the error it reports."""
    for line in stream:
        event = json.loads(line)
        if event["event"] == "done":
            return True
        if event["event"] == "error":
            raise FAMILIES[event["family"]](_fault(item) for item in event["faults"])
        tell(str(event["stage"]))
    return False


def fault_as_json(fault: Fault) -> dict[str, object]:
    """A fault as JSON values; ``_fault`` is the way back."""
    place = {name: getattr(fault.place, name) for name in ("file", "line", "key", "column", "unit")}
    return {
        "code": fault.code,
        "cause": fault.cause,
        "fix": fault.fix,
        "place": {name: value for name, value in place.items() if value is not None},
        "suggestion": fault.suggestion,
    }


def _fault(item: Mapping[str, object]) -> Fault:
    """The fault that ``fault_as_json`` wrote."""
    place = item["place"] if isinstance(item["place"], dict) else {}
    return Fault(
        code=str(item["code"]),
        cause=str(item["cause"]),
        fix=str(item["fix"]),
        place=Place(**place),
        suggestion=None if item["suggestion"] is None else str(item["suggestion"]),
    )


def unexpected(error: Exception) -> Fault:
    """A fault of ours, or of the machine, in one sentence with the way to the whole story."""
    if isinstance(error, OSError):
        return Fault(
            code="RUN_SYSTEM",
            cause=f"The system refused: {error.strerror or error}.",
            fix="Check the path, the permissions and the space left.",
            place=Place(file=str(error.filename) if error.filename else None),
        )
    return Fault(
        code="RUN_UNEXPECTED",
        cause=f"Something went wrong that should not: {type(error).__name__}: {error}",
        fix="Run again with EVALTOOL_DEBUG=1 and report what it prints, with the plan if it may be shared.",
    )


def _died(code: int, noise: str) -> Fault:
    """What to say of a child that ended without reporting."""
    tail = " ".join(noise.split()[-40:])
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return Fault(
        code="RUN_CHILD_DIED",
        cause=f"The computing process {how} before it reported a result. {tail}".strip(),
        fix="Check that there is memory enough, then run again; set EVALTOOL_DEBUG=1 to see its own words.",
    )


@contextlib.contextmanager
def _child(noise: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The running child; ended when the block is left early."""
    quiet = None if os.environ.get("EVALTOOL_DEBUG") else noise
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "evaltool.bundle.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=quiet,
        env=pinned_environment(),
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        for pipe in filter(None, (child.stdin, child.stdout)):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def pinned_environment() -> dict[str, str]:
    """The child's whole environment: the fixed settings, this machine's wide SIMD switched off, little else."""
    return _scrubbed() | FIXED | dict(_machine_settings())


def _scrubbed() -> dict[str, str]:
    """What is kept of the caller's environment, and where the package is found when it is not installed."""
    kept = {n: v for n, v in os.environ.items() if n in KEPT or n.startswith(KEPT_PREFIXES)}
    root = Path(__file__).resolve().parents[2]
    if root not in {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}:
        kept["PYTHONPATH"] = str(root)
    return kept


@cache
def _machine_settings() -> tuple[tuple[str, str], ...]:
    """Settings that only apply to what this processor has: naming a feature it lacks makes numpy complain.

    A child is asked, since a numpy loaded here may itself have been told to leave features out.
    """
    if platform.machine().lower() not in X86:
        return ()
    answer = subprocess.run(  # noqa: S603 - this interpreter, our own text
        [sys.executable, "-P", "-c", PROBE], check=True, capture_output=True, env=_scrubbed() | FIXED
    )
    found = json.loads(answer.stdout)
    settings: list[tuple[str, str]] = []
    if found["avx2"]:
        settings.append(("OPENBLAS_CORETYPE", "Haswell"))
    if wide := [name for name in found["on"] if name.startswith(SIGN_OF_WIDE)]:
        settings.append(("NPY_DISABLE_CPU_FEATURES", " ".join(wide)))
    return tuple(settings)


def current_settings() -> dict[str, str]:
    """The settings this process actually runs under, for the record."""
    return {name: os.environ[name] for name in PROFILE_KEYS if name in os.environ} | {"machine": platform.machine()}
