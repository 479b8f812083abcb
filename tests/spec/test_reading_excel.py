"""Workbooks as people hand them in: errors in cells, formulas, formats, sheets, and files that are no workbook."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from evaltool.errors import DataError, Fault
from evaltool.reading.excel_errors import NoValue, cells_without_value
from evaltool.reading.excel_file import read_excel
from evaltool.reading.table import RawTable
from evaltool.records.plan.data import Data

HEADER = ["school", "year", "start", "absence"]


def book(path: Path, *rows: list[object], sheet: str = "Ark1") -> Path:
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    page = made.create_sheet(sheet)
    for row in rows:
        page.append(row)
    made.save(path)
    return path


def table(path: Path, wanted: list[str] | None = None, **data: object) -> RawTable:
    return read_excel(path, "data.xlsx", Data(source="excel", path="data.xlsx", **data), wanted or HEADER)  # type: ignore[arg-type]


def refused(path: Path, wanted: list[str] | None = None, **data: object) -> tuple[Fault, ...]:
    with pytest.raises(DataError) as caught:
        table(path, wanted, **data)
    return caught.value.faults


def values(path: Path, column: str, **data: object) -> list[object]:
    return list(table(path, [column], **data).columns[column].to_pylist())


def rewritten(path: Path, member: str, old: str, new: str) -> Path:
    """The workbook with one text of one of its parts replaced."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts[member]
    parts[member] = parts[member].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return path


# --- errors are no empty cells


def test_an_error_in_the_start_column_is_not_never_treated(tmp_path: Path) -> None:
    path = book(
        tmp_path / "b.xlsx", HEADER, ["a", 2020, "#REF!", 1.5], ["b", 2020, None, 2.5], ["c", 2020, "#N/A", "#DIV/0!"]
    )
    faults = refused(path)
    assert [(f.code, f.place.line, f.place.column) for f in faults] == [
        ("DATA_CELL_ERROR", 2, "start"),
        ("DATA_CELL_ERROR", 4, "start"),
        ("DATA_CELL_ERROR", 4, "absence"),
    ]
    assert "#REF!" in faults[0].cause
    assert "#DIV/0!" in faults[2].cause


def test_a_formula_nobody_computed_is_not_an_empty_cell(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", HEADER, ["a", 2020, None, "=1+1"], ["b", 2020, None, 2.5])
    (fault,) = refused(path)
    assert (fault.code, fault.place.line, fault.place.column) == ("DATA_CELL_ERROR", 2, "absence")
    assert "never computed" in fault.cause


def test_a_computed_formula_is_its_value_even_when_that_is_an_empty_text(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", HEADER, ["a", 2020, "=IF(1,2021,0)", 1], ["b", 2020, '=""', 2])
    part = "xl/worksheets/sheet1.xml"
    rewritten(path, part, "<f>IF(1,2021,0)</f><v />", "<f>IF(1,2021,0)</f><v>2021</v>")
    rewritten(path, part, '<c r="C3"><f>""</f><v />', '<c r="C3" t="str"><f>""</f><v></v>')
    assert values(path, "start") == [2021.0, None]


def test_errors_where_nobody_looks_do_not_matter(tmp_path: Path) -> None:
    """In a column the plan does not declare, beyond the header, and on another sheet."""
    path = book(tmp_path / "b.xlsx", [*HEADER, "note"], ["a", 2020, None, 1.5, "#N/A", "#N/A"])
    made = openpyxl.load_workbook(path)
    made.create_sheet("Kladde").append(["#REF!"] * 4)
    made.save(path)
    assert table(path, sheet="Ark1").rows == 1


def test_an_error_alone_in_the_last_row_is_told(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", HEADER, ["a", 2020, None, 1.5], [None, None, None, "#VALUE!"])
    assert [(f.code, f.place.line) for f in refused(path)] == [("DATA_CELL_ERROR", 3)]


def test_cells_without_references_are_counted(tmp_path: Path) -> None:
    """The standard lets a writer leave references out; then the next row or cell is meant."""
    path = book(tmp_path / "b.xlsx", ["x"], ["y"])
    sheet = (
        '<sheetData><row><c t="n"><v>1</v></c></row><row r="3"><c/><c t="e"><v>#N/</v></c>'
        '<c r="AB3" t="e"><v>#NUM!</v></c><c t="e"><v>#NULL!</v></c></row><row><c t="e"/></row></sheetData>'
    )
    with zipfile.ZipFile(path) as archive:
        old = archive.read("xl/worksheets/sheet1.xml").decode()
    was = old[old.index("<sheetData>") : old.index("</sheetData>") + len("</sheetData>")]
    found = cells_without_value(rewritten(path, "xl/worksheets/sheet1.xml", was, sheet).read_bytes(), "Ark1")
    assert found == (NoValue(2, 1, "#N/"), NoValue(2, 27, "#NUM!"), NoValue(2, 28, "#NULL!"), NoValue(3, 0, ""))


def test_a_sheet_is_found_by_name_wherever_its_part_lies(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", HEADER, ["a", 2020, None, 1.5])
    made = openpyxl.load_workbook(path)
    made.create_sheet("Tal & mål", 0).append([*HEADER])
    made["Tal & mål"].append(["b", 2021, "#N/A", 2.5])
    made.save(path)
    assert table(path, sheet="Ark1").columns["year"].to_pylist() == [2020.0]
    assert [f.code for f in refused(path, sheet="Tal & mål")] == ["DATA_CELL_ERROR"]


# --- what is no workbook


def old_kind() -> bytes:
    """The first bytes of every .xls file and of every workbook with a password."""
    return bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600


def other_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("content.xml", "<office/>")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"", "DATA_EMPTY", "The file is empty."),
        (b"school;absence\na;1\n", "DATA_UNREADABLE", "kind .xlsx"),
        (old_kind(), "DATA_UNREADABLE", "kind .xlsx"),
        (other_zip(), "DATA_UNREADABLE", "kind .xlsx"),
    ],
)
def test_files_that_are_no_workbook(tmp_path: Path, body: bytes, code: str, said: str) -> None:
    (tmp_path / "b.xlsx").write_bytes(body)
    (fault,) = refused(tmp_path / "b.xlsx")
    assert fault.code == code
    assert said in fault.cause
    assert fault.place.file == "data.xlsx"


@pytest.mark.parametrize(
    ("member", "old", "new"),
    [
        ("xl/worksheets/sheet1.xml", "</sheetData>", "</sheetDat"),
        ("xl/worksheets/sheet1.xml", "<worksheet", '<!DOCTYPE x [<!ENTITY a "b">]><worksheet'),
        ("xl/worksheets/sheet1.xml", 'r="A1"', 'r="1A"'),
        ("xl/_rels/workbook.xml.rels", "sheet1.xml", "sheet9.xml"),
    ],
)
def test_a_damaged_workbook(tmp_path: Path, member: str, old: str, new: str) -> None:
    path = rewritten(book(tmp_path / "b.xlsx", HEADER, ["a", 2020, None, 1.5]), member, old, new)
    assert [f.code for f in refused(path)] == ["DATA_UNREADABLE"]


# --- sheets and headers


def test_several_sheets_and_none_declared(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", HEADER, ["a", 2020, None, 1.5])
    made = openpyxl.load_workbook(path)
    made.create_sheet("Kladde")
    made.save(path)
    (fault,) = refused(path)
    assert (fault.code, fault.fix) == ("DATA_SHEET", "Declare sheet = … in [data]: Ark1, Kladde.")
    (fault,) = refused(path, sheet="Ark2")
    assert (fault.code, fault.suggestion) == ("DATA_SHEET", "Ark1")


@pytest.mark.parametrize(
    ("rows", "said"),
    [((), "The sheet is empty."), ((HEADER,), "The sheet has a header but no rows."), ((HEADER, [""] * 4), "no rows")],
)
def test_sheets_without_rows(tmp_path: Path, rows: tuple[list[object], ...], said: str) -> None:
    (fault,) = refused(book(tmp_path / "b.xlsx", *rows))
    assert fault.code == "DATA_EMPTY"
    assert said in fault.cause


def test_two_columns_of_one_name_are_refused_even_when_not_declared(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", ["school", "x", " x ", None, None], ["a", 1, 2, 3, 4])
    (fault,) = refused(path, ["school"])
    assert (fault.code, fault.place.line, fault.place.column) == ("DATA_DUPLICATE_COLUMN", 1, "x")


def test_empty_rows_are_skipped_and_lines_stay_those_of_the_sheet(tmp_path: Path) -> None:
    found = table(
        book(tmp_path / "b.xlsx", HEADER, [None] * 4, ["a", 2020, None, 1.5], [None] * 4, ["b", 2020, None, 2])
    )
    assert [found.line(row) for row in range(found.rows)] == [3, 5]


# --- kinds of cells


def test_every_kind_of_column(tmp_path: Path) -> None:
    day, midnight = dt.date(2024, 2, 1), dt.datetime(2024, 3, 1)  # noqa: DTZ001 - a cell has no time zone
    path = book(
        tmp_path / "b.xlsx",
        ["flag", "number", "day", "empty", "text"],
        [True, 1, day, None, "a"],
        [None, 2.5, midnight, None, None],
        [False, None, None, None, "b"],
    )
    found = table(path, ["flag", "number", "day", "empty", "text"]).columns
    assert found["flag"].equals(pa.array([True, None, False]))
    assert found["number"].equals(pa.array([1.0, 2.5, None]))
    assert found["day"].equals(pa.array([day, midnight.date(), None], type=pa.date32()))
    assert found["empty"].to_pylist() == ["", "", ""]
    assert found["text"].to_pylist() == ["a", "", "b"]


def test_a_mixed_column_is_text_as_the_same_plan_would_write_it(tmp_path: Path) -> None:
    noon = dt.datetime(2024, 3, 1, 12, 30)  # noqa: DTZ001 - a cell has no time zone
    path = book(
        tmp_path / "b.xlsx", ["x"], ["ukendt"], [True], [3], [2.5], [dt.date(2024, 2, 1)], [noon], [dt.time(8, 15)]
    )
    assert values(path, "x", decimal=",", date_format="%d-%m-%Y") == [
        "ukendt",
        "true",
        "3",
        "2,5",
        "01-02-2024",
        "2024-03-01 12:30:00",
        "08:15:00",
    ]


def test_a_time_of_day_among_dates_stays_visible(tmp_path: Path) -> None:
    """Cut to its day it would pass for a date; as text the date check refuses it."""
    noon = dt.datetime(2024, 3, 1, 12, 30)  # noqa: DTZ001 - a cell has no time zone
    path = book(tmp_path / "b.xlsx", ["x"], [dt.date(2024, 2, 1)], [noon])
    assert values(path, "x") == ["2024-02-01", "2024-03-01 12:30:00"]


def test_true_among_numbers_is_not_one(tmp_path: Path) -> None:
    assert values(book(tmp_path / "b.xlsx", ["x"], [1], [True]), "x") == ["1", "true"]


def test_an_id_column_of_whole_numbers_keeps_its_digits(tmp_path: Path) -> None:
    """Excel knows floats only; a unit id must not get a decimal point among texts."""
    assert values(book(tmp_path / "b.xlsx", ["x"], [101], ["101b"], [-0.0]), "x") == ["101", "101b", "0"]


def test_other_kinds_of_parts_in_the_workbook_file_are_not_mistaken_for_sheets(tmp_path: Path) -> None:
    """A part may lie below the root, and a sheet's name may hold signs that XML writes otherwise."""
    path = book(tmp_path / "b.xlsx", HEADER, ["a", 2020, "#N/A", 1.5], sheet="A&B <1>")
    rewritten(path, "xl/_rels/workbook.xml.rels", "/xl/worksheets/sheet1.xml", "worksheets/sheet1.xml")
    assert [f.code for f in refused(path)] == ["DATA_CELL_ERROR"]


@pytest.mark.parametrize(("old", "new"), [('r="A1"', 'r="1A"'), ("</sheetData>", "</sheetDat"), ("<row", "<!-- <row")])
def test_a_sheet_that_cannot_be_looked_through_is_no_sheet_without_errors(tmp_path: Path, old: str, new: str) -> None:
    path = rewritten(book(tmp_path / "b.xlsx", HEADER), "xl/worksheets/sheet1.xml", old, new)
    with pytest.raises(ValueError, match=r"no cell|cannot be looked through"):
        cells_without_value(path.read_bytes(), "Ark1")


def test_a_sheet_that_is_not_there_is_no_sheet_without_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'Ark2' cannot be looked through"):
        cells_without_value(book(tmp_path / "b.xlsx", HEADER).read_bytes(), "Ark2")
