"""Where the bytes of a zip lie: nothing before its first member, between its members, or behind its end.

Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.7 (local file header), 4.3.9 (data descriptor) and 4.3.16 (end of
central directory record). Python's ``zipfile`` reads past all of it, so that anything could travel in a sealed bundle.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from evaltool.bundle.layout import MANIFEST

LOCAL = struct.Struct("<4s22xHH")
"""Signature, 22 bytes that the directory repeats, length of the name, length of the extra field."""
END = struct.Struct("<4s16xH")
"""Signature, 16 bytes of counts and offsets, length of the comment."""
END_SIGNATURE = b"PK\x05\x06"
DESCRIPTOR = 0x08
"""The flag of a member whose sizes stand behind its data."""
DESCRIPTOR_SIZES = frozenset({12, 16, 20, 24})
"""Bytes of a data descriptor: with or without signature, sizes of 4 or 8 bytes."""


def common_folder(names: list[str]) -> str:
    """``out/`` when every member of a zip lies in that one folder, a bundle's manifest first of all; else nothing."""
    tops = {name.split("/", 1)[0] for name in names}
    prefix = f"{next(iter(tops))}/" if len(tops) == 1 else ""
    return prefix if f"{prefix}{MANIFEST}" in names else ""


def loose_bytes(path: Path, archive: zipfile.ZipFile) -> Iterator[str]:
    """What lies in the zip and in none of its members, one sentence each. Raises BadZipFile for a broken header."""
    with path.open("rb") as stream:
        infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
        starts = [info.header_offset for info in infos]
        if first := min([*starts, archive.start_dir]):
            yield f"{first} bytes stand before the first member of the zip."
        for info, following in zip(infos, [*starts[1:], archive.start_dir], strict=True):
            gap = following - _data_end(stream, info)
            if gap and not (info.flag_bits & DESCRIPTOR and gap in DESCRIPTOR_SIZES):
                yield f"Bytes that belong to no member stand behind '{info.filename}'."
        stream.seek(-min(END.size, path.stat().st_size), 2)
        tail = stream.read()
        if tail[:4] != END_SIGNATURE or END.unpack(tail)[1]:
            yield "The zip goes on behind its end, or carries a comment."


def _data_end(stream: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Where a member's data end, by its own header."""
    stream.seek(info.header_offset)
    head = stream.read(LOCAL.size)
    if len(head) < LOCAL.size:
        message = f"the header of {info.filename} is cut off"
        raise zipfile.BadZipFile(message)
    _signature, name, extra = LOCAL.unpack(head)
    return info.header_offset + LOCAL.size + int(name) + int(extra) + info.compress_size
