"""Put a finished folder in the place of another, so that at any moment the old or the new result stands.

Everything is written into a work folder beside the destination and synced to disk. On Linux one system call
(``renameat2`` with RENAME_EXCHANGE) swaps the two. Elsewhere two renames are made under a journal, and ``recover``,
called at the start of every command that reads or writes the folder, finishes or undoes what was interrupted.
A lock file held for the life of the process tells the leftovers of a dead process from the work of a live one.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from evaltool.bundle.layout import MANIFEST
from evaltool.errors import Fault, Place, UsageError

KIND = "evaltool.bundle"
"""What a manifest of ours calls itself."""
AT_FDCWD = -100
RENAME_EXCHANGE = 2


def hidden_sibling(folder: Path, what: str) -> Path:
    """The hidden path beside ``folder`` used for ``what`` (``work``, ``old``, ``journal``, ``lock``)."""
    return folder.parent / f".{folder.name}.evaltool-{what}"


def refuse_existing(folder: Path, *, force: bool) -> None:
    """Refuse to write over what is there.

    Raises UsageError: USAGE_FOLDER_EXISTS without ``force``, USAGE_FOLDER_FOREIGN when the folder holds anything but
    an earlier result (``force`` never deletes other people's files), USAGE_NOT_A_FOLDER for a file, and
    USAGE_NO_PARENT when the folder's parent does not exist or cannot be written.
    """
    place = Place(file=str(folder))
    if folder.exists() and not folder.is_dir():
        raise UsageError(Fault("USAGE_NOT_A_FOLDER", "There is a file of this name.", "Name a folder.", place))
    if not folder.parent.is_dir() or not os.access(folder.parent, os.W_OK):
        cause = "The folder above it does not exist or cannot be written."
        raise UsageError(Fault("USAGE_NO_PARENT", cause, "Create the folder above it, or name another.", place))
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if strangers := foreign_files(folder):
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        cause = f"The folder exists and holds what is not part of a result of evaltool: {strangers[0]}{more}."
        fix = "Name another folder, or move that away; --force deletes results only."
        raise UsageError(Fault("USAGE_FOLDER_FOREIGN", cause, fix, place))
    if not force:
        cause = "The folder exists and holds an earlier result."
        raise UsageError(Fault("USAGE_FOLDER_EXISTS", cause, "Name another folder, or add --force.", place))


def refuse_place(folder: Path) -> None:
    """Refuse places that no result ever takes, before anything is looked at or locked there.

    ``folder`` is absolute. Raises UsageError (USAGE_FOLDER_PROTECTED) for the root of a file system, a mount point,
    the user's own folder and every folder above that.
    """
    if folder == folder.parent or os.path.ismount(folder):
        cause = "This is the root of a file system, and a result is put in place as a whole folder."
    elif _holds_home(folder):
        cause = "This folder is, or holds, your own home folder."
    else:
        return
    fix = "Name a folder below it, one that this command makes."
    raise UsageError(Fault("USAGE_FOLDER_PROTECTED", cause, fix, Place(file=str(folder))))


def _holds_home(folder: Path) -> bool:
    """Whether this is the user's own folder or one above it; False when the system knows no such folder."""
    with contextlib.suppress(RuntimeError):
        return Path.home().resolve().is_relative_to(folder)
    return False


def foreign_files(folder: Path) -> list[str]:
    """Files that the folder's own manifest does not list, sorted; all of them when it has no manifest of ours."""
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    try:
        manifest: object = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return sorted(present) or ["an empty folder"]
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND or not isinstance(manifest.get("files"), dict):
        return sorted(present)
    return sorted(present - set(manifest["files"]) - {MANIFEST})


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold the lock of ``folder`` while the block runs; yields False when another live process holds it.

    The lock dies with the process, whatever kills it. Its file is removed on the way out.
    """
    path = hidden_sibling(folder, "lock")
    handle = _locked(path)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            os.close(handle)


def _locked(path: Path) -> int | None:
    """An open, locked descriptor of ``path``, or None when another process holds it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _try_lock(handle):
            os.close(handle)
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)  # the holder before us removed the file between our open and our lock: take a fresh one


def _try_lock(handle: int) -> bool:
    """Take an exclusive lock without waiting."""
    try:
        if sys.platform == "win32":  # pragma: no cover - Windows only
            import msvcrt  # noqa: PLC0415 - exists on Windows only

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - exists on POSIX only

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def recover(folder: Path) -> bool:
    """Finish or undo what a killed process left beside ``folder``; True when there was something to do.

    Does nothing while another live process is writing the folder: its result is not there yet, the old one is.
    """
    folder = folder.resolve()
    leftovers = [hidden_sibling(folder, what) for what in ("journal", "work", "old", "lock")]
    if not any(path.exists() for path in leftovers) or not os.access(folder.parent, os.W_OK):
        return False
    with held(folder) as mine:
        return mine and _recover_held(folder)


def _recover_held(folder: Path) -> bool:
    """``recover`` for the holder of the lock."""
    journal, work, old = (hidden_sibling(folder, what) for what in ("journal", "work", "old"))
    found = any(path.exists() for path in (journal, work, old))
    if journal.exists() and not folder.exists():
        if work.exists():
            work.rename(folder)
        elif old.exists():
            old.rename(folder)
        sync_folder(folder.parent)
    journal.unlink(missing_ok=True)
    for path in (work, old):
        if path.exists():
            shutil.rmtree(path)
    return found


@contextlib.contextmanager
def written_beside(folder: Path, *, force: bool = False) -> Iterator[Path]:
    """Give an empty work folder beside ``folder``; when the block ends well, put it in ``folder``'s place.

    When the block raises, the work folder is removed and ``folder`` is as it was.
    Raises UsageError as ``refuse_place`` and ``refuse_existing``, or USAGE_FOLDER_BUSY when another process is writing
    the folder.
    """
    folder = folder.resolve()
    refuse_place(folder)
    recover(folder)
    refuse_existing(folder, force=force)
    with held(folder) as mine:
        if not mine:
            cause = "Another evaltool process is writing this folder."
            fix = "Wait for it to end, or name another folder."
            raise UsageError(Fault("USAGE_FOLDER_BUSY", cause, fix, Place(file=str(folder))))
        _recover_held(folder)
        refuse_existing(folder, force=force)
        work = hidden_sibling(folder, "work")
        work.mkdir()
        try:
            yield work
            sync_tree(work)
            exchange(work, folder)
        finally:
            _recover_held(folder)


def exchange(work: Path, folder: Path) -> None:
    """Put ``work`` in the place of ``folder``. What stood there is left in ``work`` or beside it, to be removed."""
    if not folder.exists() or not any(folder.iterdir()):
        if folder.exists():
            folder.rmdir()
        work.rename(folder)
    elif not swap(work, folder):
        rename_twice(work, folder)
    sync_folder(folder.parent)


def swap(one: Path, other: Path) -> bool:
    """Exchange two folders in one step of the file system; False when the system cannot."""
    if not sys.platform.startswith("linux"):  # pragma: no cover - other systems rename twice
        return False
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):  # pragma: no cover - C libraries before glibc 2.28
        return False
    done: int = call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    return done == 0


def rename_twice(work: Path, folder: Path) -> None:
    """Move ``folder`` aside and ``work`` in, under a journal that ``recover`` can finish from any point."""
    journal, old = hidden_sibling(folder, "journal"), hidden_sibling(folder, "old")
    with journal.open("w", encoding="utf-8") as stream:
        json.dump({"new": work.name, "old": old.name, "folder": folder.name}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(folder.parent)
    folder.rename(old)
    work.rename(folder)
    sync_folder(folder.parent)
    journal.unlink()


def sync_tree(folder: Path) -> None:
    """Force every file and folder below ``folder`` to disk."""
    for root, _folders, files in os.walk(folder):
        for name in files:
            handle = os.open(Path(root) / name, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(root))


def sync_folder(folder: Path) -> None:
    """Force a folder's own entries to disk, where the system has such a thing."""
    if os.name == "nt":  # pragma: no cover - Windows cannot open a folder for syncing
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
