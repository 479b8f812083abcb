"""``manifest.json``: size and sha256 of every file of a bundle, in canonical JSON."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from evaltool.bundle.layout import MANIFEST
from evaltool.records.base import Record, canonical_json

CHUNK = 1 << 20
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ManifestEntry(Record):
    """One file."""

    sha256: Digest
    size: int = Field(ge=0)


class Manifest(Record):
    """Every file of the bundle but the manifest itself, by its path with forward slashes."""

    kind: Literal["evaltool.bundle"] = "evaltool.bundle"
    schema_version: Literal[1] = 1
    files: dict[str, ManifestEntry]


def file_digest(path: Path) -> str:
    """Hexadecimal sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def manifest_of(folder: Path) -> Manifest:
    """The manifest of what lies in ``folder`` now. Links are not followed and not listed."""
    files = {
        path.relative_to(folder).as_posix(): ManifestEntry(sha256=file_digest(path), size=path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    files.pop(MANIFEST, None)
    return Manifest(files=files)


def write_manifest(folder: Path) -> str:
    """Write the manifest of ``folder``; returns the manifest's own sha256, the identity of the run."""
    body = canonical_json(manifest_of(folder))
    (folder / MANIFEST).write_bytes(body)
    return hashlib.sha256(body).hexdigest()
