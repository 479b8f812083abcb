"""The files of a bundle, from a folder or a zip, read without trusting either."""

from __future__ import annotations

import contextlib
import hashlib
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from evaltool.bundle.manifest import CHUNK
from evaltool.bundle.zip_layout import common_folder, loose_bytes
from evaltool.errors import Fault, Place, VerificationError

MAX_MEMBERS = 10_000
MAX_BYTES = 4 << 30
MAX_RATIO = 200
"""Largest accepted expansion of one zip member above 1 MiB."""


class Members(Protocol):
    """Names and bytes of the files of a bundle."""

    def names(self) -> tuple[str, ...]:
        """Every file's path with forward slashes, sorted."""
        ...

    def strays(self) -> tuple[tuple[str, str], ...]:
        """Place and one sentence for whatever is there and is neither a file nor a folder that holds one."""
        ...

    def size(self, name: str) -> int:
        """Bytes of a file."""
        ...

    def read(self, name: str, limit: int) -> bytes:
        """A file's bytes. Raises ValueError above ``limit``."""
        ...

    def digest(self, name: str) -> str:
        """Hexadecimal sha256 of a file."""
        ...

    def copy_to(self, name: str, target: Path) -> None:
        """Write a file's bytes to ``target``."""
        ...


def _digest(stream: BinaryIO) -> str:
    """Hexadecimal sha256 of what is left in the stream."""
    digest = hashlib.sha256()
    while piece := stream.read(CHUNK):
        digest.update(piece)
    return digest.hexdigest()


def _limited(stream: BinaryIO, limit: int, name: str) -> bytes:
    """At most ``limit`` bytes. Raises ValueError when there is more."""
    body = stream.read(limit + 1)
    if len(body) > limit:
        message = f"{name} is larger than {limit} bytes"
        raise ValueError(message)
    return body


class FolderMembers:
    """A bundle that is a folder. Raises VerificationError (VERIFY_LINK) for any link in it."""

    def __init__(self, folder: Path) -> None:
        """List the folder once."""
        self._folder = folder
        found = sorted(folder.rglob("*"))
        links = [p for p in found if p.is_symlink()]
        if links:
            raise VerificationError(
                Fault("VERIFY_LINK", "A bundle holds no links.", "Replace it by the file.", Place(file=str(p)))
                for p in links
            )
        self._names = tuple(sorted(p.relative_to(folder).as_posix() for p in found if p.is_file()))
        self._others = tuple((p.relative_to(folder).as_posix(), p.is_dir()) for p in found if not p.is_file())

    def names(self) -> tuple[str, ...]:
        """Every file, sorted."""
        return self._names

    def strays(self) -> tuple[tuple[str, str], ...]:
        """Empty folders, pipes and sockets."""
        used = _folders_of(self._names)
        odd = tuple((name, "This is neither a file nor a folder.") for name, folder in self._others if not folder)
        return odd + _empty([name for name, folder in self._others if folder], used)

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return (self._folder / name).stat().st_size

    def read(self, name: str, limit: int) -> bytes:
        """A file's bytes. Raises ValueError above ``limit``."""
        with (self._folder / name).open("rb") as stream:
            return _limited(stream, limit, name)

    def digest(self, name: str) -> str:
        """Hexadecimal sha256 of a file."""
        with (self._folder / name).open("rb") as stream:
            return _digest(stream)

    def copy_to(self, name: str, target: Path) -> None:
        """Write a file's bytes to ``target``."""
        with (self._folder / name).open("rb") as stream, target.open("wb") as out:
            while piece := stream.read(CHUNK):
                out.write(piece)


def _folders_of(names: tuple[str, ...]) -> frozenset[str]:
    """Every folder that a file of these names lies in."""
    return frozenset(str(folder) for name in names for folder in PurePosixPath(name).parents)


def _empty(folders: list[str], used: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """The folders no file lies in."""
    return tuple((f"{name}/", "The folder holds nothing.") for name in folders if name not in used)


class ZipMembers:
    """A bundle that is a zip file, judged whole before a byte of it is unpacked.

    The files may lie in one common folder, as they do when a folder is packed the usual way; it is no part of names.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        """Refuse unsafe members. Raises VerificationError (VERIFY_ZIP_UNSAFE) naming every one."""
        self._archive, self._path = archive, path
        infos = archive.infolist()
        faults = [
            Fault("VERIFY_ZIP_UNSAFE", why, "Ask for the bundle again.", Place(file=n)) for n, why in _unsafe(infos)
        ]
        if faults:
            raise VerificationError(faults)
        prefix = common_folder([info.filename for info in infos])
        self._infos = {info.filename.removeprefix(prefix): info for info in infos if not info.is_dir()}
        self._folders = [info.filename.removeprefix(prefix).rstrip("/") or "." for info in infos if info.is_dir()]

    def names(self) -> tuple[str, ...]:
        """Every file, sorted."""
        return tuple(sorted(self._infos))

    def strays(self) -> tuple[tuple[str, str], ...]:
        """Empty folders, and bytes outside every member."""
        loose = tuple((self._path.name, why) for why in loose_bytes(self._path, self._archive))
        return loose + _empty(self._folders, _folders_of(self.names()))

    def size(self, name: str) -> int:
        """Bytes of a file, unpacked."""
        return self._infos[name].file_size

    def read(self, name: str, limit: int) -> bytes:
        """A file's bytes. Raises ValueError above ``limit``."""
        with self._archive.open(self._infos[name]) as stream:
            return _limited(stream, limit, name)  # type: ignore[arg-type] # IO[bytes] reads as BinaryIO does

    def digest(self, name: str) -> str:
        """Hexadecimal sha256 of a file."""
        with self._archive.open(self._infos[name]) as stream:
            return _digest(stream)  # type: ignore[arg-type] # IO[bytes] reads as BinaryIO does

    def copy_to(self, name: str, target: Path) -> None:
        """Write a file's bytes to ``target``."""
        with self._archive.open(self._infos[name]) as stream, target.open("wb") as out:
            while piece := stream.read(CHUNK):
                out.write(piece)


def _unsafe(infos: list[zipfile.ZipInfo]) -> Iterator[tuple[str, str]]:
    """Every member that must not be unpacked, with the reason."""
    if len(infos) > MAX_MEMBERS:
        yield "", f"The zip has more than {MAX_MEMBERS} members."
    if sum(info.file_size for info in infos) > MAX_BYTES:
        yield "", f"Unpacked, the zip would be larger than {MAX_BYTES} bytes."
    seen: set[str] = set()
    for info in infos:
        name = info.filename
        parts = PurePosixPath(name).parts
        mode = info.external_attr >> 16
        if name.startswith("/") or "\\" in name or ":" in name or "\0" in info.orig_filename:
            yield name, "The member has an absolute or foreign path."
        elif ".." in parts or "." in name.split("/"):
            yield name, "The member's path climbs out of the bundle."
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            yield name, "The member is a link or a device."
        if name.casefold() in seen:
            yield name, "Two members have the same name."
        seen.add(name.casefold())
        if info.file_size > CHUNK and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            yield name, f"The member expands more than {MAX_RATIO} times."
        if info.flag_bits & 1:
            yield name, "The member is encrypted."


@contextlib.contextmanager
def open_members(path: Path) -> Iterator[Members]:
    """The members of a bundle, folder or zip.

    Raises VerificationError: VERIFY_NOT_A_BUNDLE when there is neither, VERIFY_ZIP_BROKEN for a zip that cannot be
    read, VERIFY_ZIP_UNSAFE, VERIFY_LINK.
    """
    place = Place(file=str(path))
    if path.is_dir():
        yield FolderMembers(path)
        return
    if not path.is_file():
        cause = "There is no folder or zip of this name."
        raise VerificationError(
            Fault("VERIFY_NOT_A_BUNDLE", cause, "Name the folder given to --out, or its zip.", place)
        )
    try:
        with zipfile.ZipFile(path) as archive:
            yield ZipMembers(archive, path)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        # NotImplementedError: packed in a way that zipfile does not know
        cause = f"The zip cannot be read: {error}"
        raise VerificationError(Fault("VERIFY_ZIP_BROKEN", cause, "Ask for the bundle again.", place)) from None
