"""A zip from a stranger: nothing is unpacked before every member has been judged."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from evaltool.bundle.members import MAX_MEMBERS, open_members
from evaltool.errors import VerificationError

LINK = 0o120777 << 16


def refused(path: Path) -> str:
    with pytest.raises(VerificationError) as caught:
        read_all(path)
    assert caught.value.exit_code == 5
    return caught.value.codes[0]


def read_all(path: Path) -> None:
    with open_members(path) as members:
        for name in members.names():
            members.digest(name)


def packed(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return path


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../plan.toml", "release/../../x", "C:/x", "release\\x", "./plan.toml", "a/./b"]
)
def test_paths_that_climb_out(tmp_path: Path, name: str) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    assert refused(packed(tmp_path / "b.zip", (info, b"x"))) == "VERIFY_ZIP_UNSAFE"


def test_a_link(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("plan.toml")
    info.external_attr = LINK
    assert refused(packed(tmp_path / "b.zip", (info, b"/etc/passwd"))) == "VERIFY_ZIP_UNSAFE"


@pytest.mark.parametrize("second", ["plan.toml", "PLAN.toml"])
def test_two_members_of_one_name(tmp_path: Path, second: str) -> None:
    target = tmp_path / "b.zip"
    if second == "plan.toml":
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed(target, ("plan.toml", b"one"), (second, b"other"))
    else:
        packed(target, ("plan.toml", b"one"), (second, b"other"))
    assert refused(target) == "VERIFY_ZIP_UNSAFE"


def test_a_bomb(tmp_path: Path) -> None:
    path = packed(tmp_path / "b.zip", ("evidence/run.json", b"0" * (30 << 20)))
    assert path.stat().st_size < 100_000
    assert refused(path) == "VERIFY_ZIP_UNSAFE"


def test_a_size_that_lies(tmp_path: Path) -> None:
    """The directory promises 10 bytes and the stream holds more: the bytes read are those promised, or an error."""
    path = packed(tmp_path / "b.zip", ("manifest.json", b"0" * 4000))
    body = path.read_bytes()
    assert body.count(struct.pack("<L", 4000)) >= 2
    path.write_bytes(body.replace(struct.pack("<L", 4000), struct.pack("<L", 10)))
    assert refused(path) == "VERIFY_ZIP_BROKEN"


def test_too_many_members(tmp_path: Path) -> None:
    path = packed(tmp_path / "b.zip", *[(f"evidence/{n}", b"") for n in range(MAX_MEMBERS + 1)])
    assert refused(path) == "VERIFY_ZIP_UNSAFE"


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04 no zip at all", b"x" * 1000])
def test_no_zip(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(body)
    assert refused(path) == "VERIFY_ZIP_BROKEN"


def test_every_flipped_byte_of_a_members_content_is_an_error(tmp_path: Path) -> None:
    path = packed(tmp_path / "b.zip", ("manifest.json", bytes(range(256)) * 4))
    body = path.read_bytes()
    start = body.index(b"manifest.json") + len("manifest.json")
    end = body.index(b"PK\x01\x02")
    for at in range(start, end, 5):
        changed = bytearray(body)
        changed[at] ^= 0x10
        path.write_bytes(bytes(changed))
        assert refused(path) == "VERIFY_ZIP_BROKEN", at
