"""The one place that knows papermill: strict parameters, a kernel of this interpreter, and no silent half-run."""

from __future__ import annotations

import logging
import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from evaltool.errors import Fault, Place, RunError, UsageError, did_you_mean
from evaltool.report.nodes import node, write_notebook

KEPT = ("PATH", "HOME", "SYSTEMROOT", "USERPROFILE", "LD_LIBRARY_PATH", "MPLCONFIGDIR", "XDG_CACHE_HOME")
KEPT_PREFIXES = ("COVERAGE_", "COV_CORE_")
FIXED = {
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
}
KERNEL = "python3"
START_SECONDS = 120
CELL_SECONDS = 600


def execute(
    notebook: NotebookNode, parameters: Mapping[str, str], *, folder: Path, saved: Path, failed: Path | None = None
) -> NotebookNode:
    """The executed notebook, also written to ``saved``; cells run in ``folder``.

    A notebook that fails is written as far as it came to ``failed`` (``saved`` unless given).

    Raises UsageError (USAGE_UNKNOWN_PARAMETER) for a parameter the notebook does not declare; RunError
    (RUN_REPORT_CELL, RUN_REPORT_UNFINISHED, RUN_REPORT_KERNEL) naming the section and the failed notebook.
    """
    _check_parameters(notebook, parameters)
    failed = failed or saved
    with _room() as room:
        try:
            done: NotebookNode = papermill.execute_notebook(
                notebook,
                None,
                parameters=dict(parameters),
                kernel_name=KERNEL,
                language="python",
                progress_bar=False,
                cwd=str(folder),
                start_timeout=START_SECONDS,
                execution_timeout=CELL_SECONDS,
                kernel_manager_class=_manager_in(room),
            )
        except PapermillExecutionError as error:
            write_notebook(notebook, failed)
            raise RunError(_cell_fault(error, failed)) from None
        except (DeadKernelError, RuntimeError, TimeoutError) as error:
            write_notebook(notebook, failed)
            raise RunError(_kernel_fault(error, failed)) from None
    _check_all_ran(done, failed)
    normalise(done)
    write_notebook(done, saved)
    return done


def declared_parameters(notebook: NotebookNode) -> tuple[str, ...]:
    """Names assigned in the cell tagged ``parameters``."""
    found: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            heads = [line.split("=", 1)[0].strip() for line in cell.source.splitlines() if "=" in line]
            found += [head for head in heads if head.isidentifier()]
    return tuple(found)


def _check_parameters(notebook: NotebookNode, parameters: Mapping[str, str]) -> None:
    """Refuse names the notebook does not declare: papermill would only warn, and inject them as code."""
    known = declared_parameters(notebook)
    faults = [
        Fault(
            code="USAGE_UNKNOWN_PARAMETER",
            cause=f"The template declares no parameter called '{name}'.",
            fix=f"It declares: {', '.join(known) or 'none'}.",
            suggestion=did_you_mean(name, known),
        )
        for name in parameters
        if name not in known or not name.isidentifier()
    ]
    if faults:
        raise UsageError(faults)


@contextmanager
def _room() -> Iterator[Path]:
    """A short private folder for sockets and kernel state; papermill and its helpers keep quiet meanwhile."""
    loggers = [logging.getLogger(name) for name in ("papermill", "traitlets", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory(prefix="ev-", ignore_cleanup_errors=True) as name:
            yield Path(name)
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _Manager(AsyncKernelManager):
    """Starts this very interpreter, in a scrubbed environment, whatever kernels the machine has registered."""

    environment: Mapping[str, str] = FIXED

    @property
    def kernel_spec(self) -> KernelSpec:
        """The interpreter that is running now."""
        return KernelSpec(
            argv=[sys.executable, "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )

    async def _async_pre_start_kernel(self, **options: object) -> tuple[list[str], dict[str, object]]:
        """Start with our environment only."""
        given: dict[str, object] = {**options, "env": dict(self.environment)}
        command, kept = await super()._async_pre_start_kernel(**given)  # type: ignore[arg-type]  # passed through
        return command, kept

    async def _async_interrupt_kernel(self) -> None:
        """Interrupt a kernel, but not one that is asked to end: it would answer the signal with a complaint.

        A cell that is still running then is ended by the signals that follow when the request goes unanswered.
        """
        if not self.shutting_down:
            await super()._async_interrupt_kernel()


def _manager_in(room: Path) -> type[_Manager]:
    """A kind of manager whose sockets and state stay in ``room``. The client owns its one object and cleans it up."""

    class Manager(_Manager):
        """The manager of this one run."""

        environment = _environment(room)

        def __init__(self, **options: object) -> None:
            """Named sockets where the platform has them, since plain TCP can be listened to."""
            own: dict[str, object] = {**options, "connection_file": str(room / "kernel.json")}
            if os.name == "posix":
                own |= {"transport": "ipc", "ip": str(room / "s")}
            super().__init__(**own)

    return Manager


def _environment(room: Path) -> dict[str, str]:
    """The kernel's whole environment; where this package is found when it is not installed."""
    kept = {n: v for n, v in os.environ.items() if n in KEPT or n.startswith(KEPT_PREFIXES)}
    root = Path(__file__).resolve().parents[2]
    if root not in {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}:
        kept["PYTHONPATH"] = str(root)
    state = {
        name: str(room)
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "TMPDIR")
    }
    return {**kept, **FIXED, **state}


def section_title(notebook: NotebookNode, index: int) -> str:
    """The title in front of a cell: the first line of the nearest Markdown cell above it."""
    for cell in reversed(notebook.cells[:index]):
        if cell.cell_type == "markdown" and cell.source.strip():
            return str(cell.source.strip().splitlines()[0].lstrip("# ").strip())
    return f"cell {index}"


def _cell_fault(error: PapermillExecutionError, saved: Path) -> Fault:
    """A failing cell, by its section."""
    source = str(error.source).strip().splitlines()
    what = source[0][:120] if source else "a cell"
    return Fault(
        code="RUN_REPORT_CELL",
        cause=f"The report cell '{what}' failed with {error.ename}: {str(error.evalue)[:600]}",
        fix=f"The notebook as far as it came: {saved}",
        place=Place(file=str(saved), key=f"cell {error.cell_index}"),
    )


def _kernel_fault(error: Exception, saved: Path) -> Fault:
    """A kernel that died or never answered."""
    return Fault(
        code="RUN_REPORT_KERNEL",
        cause=f"The notebook kernel ended before the report was finished: {str(error)[:300] or type(error).__name__}",
        fix=f"Run it again; if it persists, look at the notebook as far as it came: {saved}",
        place=Place(file=str(saved)),
    )


def _check_all_ran(notebook: NotebookNode, saved: Path) -> None:
    """Every code cell ran and none ended in an error: a cell that exits quietly leaves the rest unrun."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        failed = any(output.output_type == "error" for output in cell.outputs)
        if cell.execution_count is None or failed:
            write_notebook(notebook, saved)
            title = section_title(notebook, index)
            raise RunError(
                Fault(
                    code="RUN_REPORT_UNFINISHED",
                    cause=f"The report stopped quietly: the section '{title}' {'failed' if failed else 'never ran'}.",
                    fix=f"A cell may have called exit. The notebook as far as it came: {saved}",
                    place=Place(file=str(saved), key=f"cell {index}"),
                )
            )


def normalise(notebook: NotebookNode) -> None:
    """Leave nothing in the notebook that differs between two runs of the same evaluation."""
    notebook.metadata = node(
        {
            "kernelspec": node({"display_name": "Python 3", "language": "python", "name": KERNEL}),
            "language_info": node({"name": "python"}),
        }
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"cell-{number:03d}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = node({"tags": list(tags)} if tags else {})
        for output in cell.get("outputs", []):
            output.pop("metadata", None)
            if output.output_type in {"display_data", "execute_result"}:
                output["metadata"] = node({})
