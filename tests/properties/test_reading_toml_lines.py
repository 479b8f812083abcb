"""The index from key path to line against ``tomllib`` on generated documents.

Every document is written together with the lines its keys stand on, in all the ways TOML has: nested tables, arrays of
tables, inline tables, arrays over several lines, all four kinds of strings, dotted and quoted keys, comments.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from evaltool.reading.toml_lines import KeyPath, index_lines, line_of, spelled

BARE = st.from_regex(r"[A-Za-z0-9_-]{1,5}", fullmatch=True)
AWKWARD = st.sampled_from(["", "a b", "a.b", "#x", "[x]", "æ", "x = 1", 'q"q', "{", "]"])
KEYS = st.one_of(BARE, AWKWARD)
SCALARS = st.sampled_from(
    [
        "1",
        "-1_000.5e3",
        "true",
        "2024-01-31",
        "2024-01-31 10:00:00",
        "07:30:00",
        "inf",
        "0xff",
        '"a # b"',
        "'c:\\d'",
        '"\\"] }"',
        '""',
        "''",
        '"""x"""',
        "'''y'''",
        '"""one\n[two]\n# three\\""""',
        "'''\nfour = 4\n'''",
        '"""\\\n  end"""""',
        "'''five'''''",
        '"""\\\\"""',
    ]
)


def quoted(key: str) -> str:
    plain = key.isascii() and key and all(c.isalnum() or c in "_-" for c in key)
    return key if plain else '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass
class Writer:
    """A document being written, and the line of every key path so far."""

    text: str = ""
    lines: dict[KeyPath, int] = field(default_factory=dict)

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self.line)


Node = object
VALUES: st.SearchStrategy[Node] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3).map(lambda d: ("inline", d))
    ),
    max_leaves=6,
)
TABLE = st.dictionaries(KEYS, VALUES, max_size=3)
NESTED = st.recursive(
    TABLE.map(lambda values: ("table", values, {})),
    lambda inner: st.tuples(
        st.just("table"),
        TABLE,
        st.dictionaries(KEYS, st.one_of(inner, st.lists(inner, min_size=1, max_size=2)), max_size=2),
    ),
    max_leaves=5,
)


def write_value(out: Writer, value: Node, path: KeyPath, draw: st.DataObject) -> None:
    if isinstance(value, str):
        out.text += value
    elif isinstance(value, list):
        out.text += "["
        for number, item in enumerate(value):
            out.text += draw.draw(st.sampled_from(["", " ", "\n", " # [ c }\n\n  "]))
            out.note((*path, number))
            write_value(out, item, (*path, number), draw)
            out.text += draw.draw(st.sampled_from([",", "\n,", " , # d\n"]))
        out.text += "]"
    elif isinstance(value, tuple):
        out.text += "{"
        for number, (key, item) in enumerate(value[1].items()):
            out.text += ", " if number else " "
            out.note((*path, key))
            out.text += f"{quoted(key)} = "
            write_value(out, item, (*path, key), draw)
        out.text += " }"


def write_table(out: Writer, table: Node, path: KeyPath, header: list[str], draw: st.DataObject) -> None:
    assert isinstance(table, tuple)
    _, values, children = table
    children = {key: child for key, child in children.items() if key not in values}
    for key, value in values.items():
        out.text += draw.draw(st.sampled_from(["", "\n", "# k = 1\n", "  "]))
        out.note((*path, key))
        out.text += quoted(key) + draw.draw(st.sampled_from([" = ", "=", "\t=  "]))
        dotted = draw.draw(st.booleans()) and not isinstance(value, str)
        if dotted and isinstance(value, tuple) and len(value[1]) == 1:  # a.b = 1 instead of a = { b = 1 }
            out.text = out.text[: out.text.rstrip("\t =").__len__()]
            ((inner, item),) = value[1].items()
            out.note((*path, key, inner))
            out.text += f" . {quoted(inner)} = "
            write_value(out, item, (*path, key, inner), draw)
        else:
            write_value(out, value, (*path, key), draw)
        out.text += draw.draw(st.sampled_from(["\n", " # end\n", "\n\n"]))
    for key, child in children.items():
        names = [*header, quoted(key)]
        if isinstance(child, list):
            for number, element in enumerate(child):
                out.note((*path, key))
                out.note((*path, key, number))
                out.text += f"[[ {' . '.join(names)} ]] # element\n"
                write_table(out, element, (*path, key, number), names, draw)
        else:
            out.note((*path, key))
            out.text += f"[{'.'.join(names)}]\n"
            write_table(out, child, (*path, key), names, draw)


def paths(value: object, path: KeyPath = ()) -> set[KeyPath]:
    found = {path} if path else set()
    if isinstance(value, dict):
        return found.union(*(paths(item, (*path, key)) for key, item in value.items()))
    if isinstance(value, list):
        return found.union(*(paths(item, (*path, number)) for number, item in enumerate(value)))
    return found


@settings(deadline=None)
@given(table=NESTED, draw=st.data(), crlf=st.booleans())
def test_every_key_of_a_generated_document_has_its_line(table: Node, draw: st.DataObject, crlf: bool) -> None:
    out = Writer()
    write_table(out, table, (), [], draw)
    text = out.text.replace("\n", "\r\n") if crlf else out.text
    document = tomllib.loads(text)
    found = index_lines(text)
    assert set(found) == paths(document)
    assert dict(found) == out.lines


HAND = """\
# first
top = 1
"quoted key"."sub.key" = '''
x = 1
'''
list = [ # comment ]
  1,
  [2, { a = 3 }], { b.c = "}" },
]
[a.b]
c = 1
[[a.d]]
e = 1
[[a.d]]
e = 2
[a.d.f]
g = 3
[[a.d.h]]
[a.x]
"""


def test_a_document_read_by_hand() -> None:
    index = index_lines(HAND)
    assert set(index) == paths(tomllib.loads(HAND))
    assert {spelled(path): line for path, line in index.items()} == {
        "top": 2,
        "quoted key": 3,
        "quoted key.sub.key": 3,
        "list": 6,
        "list[0]": 7,
        "list[1]": 8,
        "list[1][0]": 8,
        "list[1][1]": 8,
        "list[1][1].a": 8,
        "list[2]": 8,
        "list[2].b": 8,
        "list[2].b.c": 8,
        "a": 10,
        "a.b": 10,
        "a.b.c": 11,
        "a.d": 12,
        "a.d[0]": 12,
        "a.d[0].e": 13,
        "a.d[1]": 14,
        "a.d[1].e": 15,
        "a.d[1].f": 16,
        "a.d[1].f.g": 17,
        "a.d[1].h": 18,
        "a.d[1].h[0]": 18,
        "a.x": 19,
    }
    assert line_of(index, "a.d[1].f.unknown.deeper") == 16
