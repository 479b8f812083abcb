"""Every kind of bad data file: refused in one message with everything wrong, exit code 3, nothing half-read."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import evaltool as ev
from evaltool.errors import EXIT_DATA, DataError, Fault
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.reading.identifiers import pseudonym
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan

PLAN = """\
schema = 1
[programme]
id = "trial"
version = "1"
title = { en = "Trial" }
start = 2024-01-01
end = 2025-12-31
[parties]
authorities = [{ name = "A", level = "kommune", share = 1 }]
evaluator = { name = "E" }
[population]
eligibility = { en = "all" }
unit = "school"
entry_from = 2024-01-01
entry_to = 2024-12-31
[data]
__DATA__
[[data.column]]
name = "school"
role = "unit"
type = "__UNIT__"
[[data.column]]
name = "year"
role = "time"
type = "__TIME__"
[[data.column]]
name = "start"
role = "first_treated"
type = "__TIME__"
__START__
[[data.column]]
name = "absence"
role = "outcome"
type = "number"
minimum = 0
maximum = 365
__OUTCOME__
__COLUMNS__
[[outcome]]
id = "absence"
title = { en = "Absence" }
direction = "decrease"
kind = "mean"
unit = { en = "days" }
window_from = 2024-01-01
window_to = 2025-01-01
[estimand]
outcome = "absence"
target = "__TARGET__"
[design]
method = "groups.adoption"
[estimator]
method = "did.group_time"
[[payment.rule]]
id = "main"
mechanism = "binary_threshold"
outcome = "absence"
[governance]
decide_from = 2025-06-01
"""
CSV = 'source = "csv"\npath = "data.csv"'
GOOD = """\
school,year,start,absence
1,2001,0,3.5
1,2002,0,3.25
1,2003,0,3
2,2001,2003,4
2,2002,2003,4.5
2,2003,2003,4.25
3,2001,2002,5
3,2002,2002,5.5
3,2003,2002,5.25
"""
Refused = Callable[..., tuple[Fault, ...]]


def write_plan(folder: Path, **parts: str) -> Path:
    filled = {
        "data": CSV,
        "unit": "integer",
        "time": "integer",
        "target": "ATT",
        "start": "",
        "outcome": "",
        "columns": "",
    }
    text = PLAN
    for name, value in (filled | parts).items():
        text = text.replace(f"__{name.upper()}__", value)
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Writes data and plan, reads them, and gives back the faults of the DataError that must come."""

    def attempt(content: str | bytes, **parts: str) -> tuple[Fault, ...]:
        (tmp_path / "data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        plan = read_plan(write_plan(tmp_path, **parts))
        with pytest.raises(DataError) as caught:
            read_panel(plan)
        assert caught.value.exit_code == EXIT_DATA
        return caught.value.faults

    return attempt


def only(faults: tuple[Fault, ...], code: str) -> Fault:
    assert [fault.code for fault in faults] == [code], "\n".join(map(str, faults))
    return faults[0]


def test_the_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(GOOD)
    panel = read_panel(read_plan(write_plan(tmp_path)))
    assert panel is not None
    assert panel.identity.rows == 9
    assert panel.identity.never_coding == "zero"
    assert panel.starts == (2002, 2003)
    assert panel.periods == (2001, 2002, 2003)


def test_everything_wrong_comes_in_one_message(refused: Refused) -> None:
    rows = GOOD.splitlines()
    rows[2] = "1,2002,0,x"  # text in a number
    rows[4] = "2,2001,2003,-4"  # out of range
    rows[5] = "2,2001,2002,4.5"  # same unit and time twice, start varies, a period lacks
    rows[8] = "3,2002,inf,5.5"  # second coding of never, start varies
    faults = refused("\n".join(rows).replace("absence", "absense") + "\n")
    missing = only(tuple(f for f in faults if f.code == "DATA_MISSING_COLUMN"), "DATA_MISSING_COLUMN")
    assert missing.suggestion == "absense"
    faults = refused("\n".join(rows) + "\n")
    found = {(fault.code, fault.place.line, fault.place.column) for fault in faults}
    assert found == {
        ("DATA_NOT_A_NUMBER", 3, "absence"),
        ("DATA_OUT_OF_RANGE", 5, "absence"),
        ("DATA_DUPLICATE_KEY", 6, "school"),
        ("DATA_START_VARIES", 6, "start"),
        ("DATA_START_VARIES", 9, "start"),
        ("DATA_MIXED_NEVER", 9, "start"),
        ("DATA_UNBALANCED", None, "school"),
    }
    assert {fault.place.file for fault in faults} == {"data.csv"}


def test_text_in_a_number_names_value_and_declared_signs(refused: Refused) -> None:
    fault = only(refused(GOOD.replace("4.25", '"4,25"')), "DATA_NOT_A_NUMBER")
    assert "'4,25'" in fault.cause
    assert "decimal sign '.'" in fault.cause
    assert fault.place.line == 7


@pytest.mark.parametrize("text", ["NaN", "inf", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite(refused: Refused, text: str) -> None:
    fault = only(refused(GOOD.replace("4.25", text)), "DATA_NOT_FINITE")
    assert fault.place.line == 7


@pytest.mark.parametrize("text", ["1e101", "-2.5E+300"])
def test_numbers_too_large_to_be_squared(refused: Refused, text: str) -> None:
    fault = only(refused(GOOD.replace("4.25", text)), "DATA_NOT_FINITE")
    assert fault.cause == f"'{text}' is larger than 1e+100 in size."


def test_a_column_too_small_to_be_squared() -> None:
    frame = pd.DataFrame({"unit": list("aabb"), "time": [1, 2] * 2, "start": [2, 2, 0, 0], "y": [1e-120, 0, 0, 0]})
    with pytest.raises(DataError) as caught:
        ev.did.two_by_two(frame, outcome="y", unit="unit", time="time", first_treated="start")
    fault = only(caught.value.faults, "DATA_NOT_FINITE")
    assert fault.cause == "'1e-120' is smaller than 1e-100 in size, as all of the column."


def test_a_missing_value_without_a_rule(refused: Refused) -> None:
    fault = only(refused(GOOD.replace("4.25", "")), "DATA_MISSING_VALUE")
    assert (fault.place.line, fault.place.column) == (7, "absence")


def test_value_outside_the_list(refused: Refused) -> None:
    more = '[[data.column]]\nname = "kind"\nrole = "cohort"\ntype = "text"\nallowed = ["public", "private"]'
    rows = GOOD.splitlines()
    text = "\n".join(
        [rows[0] + ",kind", *(row + ",public" for row in rows[1:-3]), *(row + ",privat" for row in rows[-3:])]
    )
    faults = refused(text + "\n", columns=more)
    assert [f.code for f in faults] == ["DATA_NOT_ALLOWED"] * 3
    assert "public, private" in faults[0].fix


def test_duplicate_rows_name_the_other_line(refused: Refused) -> None:
    faults = refused(GOOD + "2,2003,2003,4.25\n")
    fault = only(faults, "DATA_DUPLICATE_KEY")
    assert fault.place.line == 11
    assert "line 7" in fault.cause
    assert "unit 2" in fault.cause


def test_start_that_varies(refused: Refused) -> None:
    fault = only(refused(GOOD.replace("2,2003,2003,", "2,2003,2002,")), "DATA_START_VARIES")
    assert (fault.place.line, fault.place.column) == (7, "start")


@pytest.mark.parametrize("other", ["", "inf", "Infinity", "∞"])
def test_two_codings_of_never(refused: Refused, other: str) -> None:
    text = GOOD + f"4,2001,{other},1\n4,2002,{other},1\n4,2003,{other},1\n"
    fault = only(refused(text), "DATA_MIXED_NEVER")
    assert "0 (3 rows)" in fault.cause
    assert fault.place.line == 2 if other == "0" else fault.place.line is not None


FROM_ZERO = GOOD.replace("2001", "-1").replace("2002", "0").replace("2003", "1")
"""Periods −1, 0 and 1: school 1 never starts (0), school 2 starts in 1, school 3 in 0."""


def test_a_start_of_zero_where_zero_is_a_period_may_mean_either(refused: Refused) -> None:
    fault = only(refused(FROM_ZERO), "DATA_ZERO_START")
    assert (fault.place.line, fault.place.column) == (2, "start")
    assert "0 (6 rows)" in fault.cause
    assert 'never = "0"' in fault.fix


def test_a_start_of_zero_is_clear_where_the_plan_or_another_coding_says_so(tmp_path: Path) -> None:
    for text, stated, starts in (
        (
            FROM_ZERO.replace("3,-1,0", "3,-1,1").replace("3,0,0", "3,0,1").replace("3,1,0", "3,1,1"),
            'never = "0"',
            (1,),
        ),
        (FROM_ZERO.replace("1,-1,0", "1,-1,").replace("1,0,0", "1,0,").replace("1,1,0", "1,1,"), "", (0, 1)),
    ):  # fmt: skip
        (tmp_path / "data.csv").write_text(text)
        panel = read_panel(read_plan(write_plan(tmp_path, start=stated)))
        assert panel is not None
        assert panel.starts == starts


def test_declared_never_beside_another_coding(refused: Refused) -> None:
    text = GOOD.replace(",0,", ",9999,") + "4,2001,0,1\n4,2002,0,1\n4,2003,0,1\n"
    fault = only(refused(text, start='never = "9999"'), "DATA_MIXED_NEVER")
    assert "the declared value (3 rows)" in fault.cause


def test_nobody_treated(refused: Refused) -> None:
    fault = only(refused(GOOD.replace("2003,4", "0,4").replace("2002,5", "0,5")), "DATA_EMPTY_ARM")
    assert "Nobody is treated" in fault.cause


def test_nobody_to_compare_with(refused: Refused) -> None:
    text = GOOD.replace(",0,", ",2003,").replace(",2002,5", ",2003,5")
    fault = only(refused(text), "DATA_EMPTY_ARM")
    assert "nobody to compare with" in fault.cause


def test_without_an_effect_claimed_no_arm_is_required(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(GOOD.replace("2003,4", "0,4").replace("2002,5", "0,5"))
    assert read_panel(read_plan(write_plan(tmp_path, target="NONE"))) is not None


def test_a_unit_without_all_periods(refused: Refused) -> None:
    fault = only(refused(GOOD.replace("3,2003,2002,5.25\n", "")), "DATA_UNBALANCED")
    assert "unit 3 has 2 of 3 periods" in fault.cause


@pytest.mark.parametrize("date", ["31-02-2023", "2023-02-01", "32-01-2023", "1-2-23"])
def test_impossible_dates(refused: Refused, date: str) -> None:
    text = "school,year,start,absence\n" + "".join(
        f"{unit},{day},{start},1\n"
        for unit, start in ((1, ""), (2, "01-03-2023"))
        for day in ("01-01-2023", date, "01-03-2023")
    )
    faults = refused(text, time="date", data=CSV + '\ndate_format = "%d-%m-%Y"')
    assert [fault.code for fault in faults] == ["DATA_BAD_DATE"] * 2
    assert date in faults[0].cause
    assert [fault.place.line for fault in faults] == [3, 6]


def test_start_between_two_dates(refused: Refused) -> None:
    text = "school,year,start,absence\n" + "".join(
        f"{unit},2023-0{month}-01,{start},1\n" for unit, start in ((1, ""), (2, "2023-02-15")) for month in (1, 2, 3)
    )
    faults = refused(text, time="date")
    assert {fault.code for fault in faults} == {"DATA_START_NOT_A_PERIOD"}
    assert "2023-02-15" in faults[0].cause


@pytest.mark.parametrize("shape", ["{:06d}{:04d}", "{:06d}-{:04d}"])
def test_ids_shaped_like_cpr_numbers(refused: Refused, shape: str) -> None:
    ids = [shape.format(day * 10000 + 190, 1000 + day) for day in range(1, 9)]
    text = "school,year,start,absence\n" + "".join(
        f"{unit},{year},{start},{'x' if unit == ids[0] else 1}\n"
        for unit, start in zip(ids, [0, 2002] * 4, strict=True)
        for year in (2001, 2002)
    )
    faults = refused(text + f"{ids[3]},2002,2002,1\n", unit="text")
    codes = {fault.code for fault in faults}
    assert {"DATA_CPR_SHAPED", "DATA_DUPLICATE_KEY"} <= codes
    message = "\n".join(map(str, faults))
    assert "pseudonym" in message
    assert not any(unit in message for unit in ids), "a message must not repeat a CPR number"


@pytest.mark.parametrize("shape", ["{:06d}{:04d}", "{:06d}-{:04d}", "{:d}{:04d}"])
def test_no_message_repeats_a_cpr_number_whatever_the_column_was_declared_as(refused: Refused, shape: str) -> None:
    ids = [shape.format(day * 10000 + 190, 1000 + day) for day in range(1, 9)]
    text = "school,year,start,absence\n" + "".join(f"{unit},2001,0,1\n{unit},2001,2002,1\n" for unit in ids)
    message = "\n".join(map(str, refused(text, unit="integer")))
    assert "DATA_CPR_SHAPED" in message
    assert not any(unit in message for unit in ids)


@pytest.mark.parametrize("person", ["0101901234", "010190-1234", "6101901234", "101901234"])
def test_one_cpr_number_among_other_ids_is_in_no_message(refused: Refused, person: str) -> None:
    text = GOOD.replace("\n1,", f"\n{person},").rstrip("\n")
    rows = text.splitlines()
    gone = next(n for n, row in enumerate(rows) if row.startswith(person))
    for broken in ([*rows[:gone], *rows[gone + 1 :]], [*rows, rows[gone]], [*rows, f"{person},x,y,{person}"]):
        message = "\n".join(map(str, refused("\n".join(broken) + "\n", unit="text")))
        assert "DATA_" in message
        assert person not in message
        assert person.replace("-", "") not in message


def test_other_ids_are_named(refused: Refused) -> None:
    for name in ("9912345671", "1990-0101", "school 7", "20240131"):
        rows = GOOD.replace("\n1,", f"\n{name},").rstrip("\n").splitlines()
        message = "\n".join(map(str, refused("\n".join([*rows, rows[1]]) + "\n", unit="text")))
        assert f"unit {name}" in message


def test_ten_digit_numbers_that_are_no_dates_pass(tmp_path: Path) -> None:
    text = GOOD.replace("\n1,", "\n9912345671,").replace("\n2,", "\n9912345672,").replace("\n3,", "\n9912345673,")
    (tmp_path / "data.csv").write_text(text)
    assert read_panel(read_plan(write_plan(tmp_path))) is not None


def test_pseudonyms_need_a_key_and_are_stable() -> None:
    key = b"0123456789abcdef"
    assert pseudonym(key, "0101901234") == pseudonym(key, "0101901234")
    assert pseudonym(key, "0101901234") != pseudonym(b"x" * 16, "0101901234")
    with pytest.raises(ValueError, match="16 bytes"):
        pseudonym(b"short", "0101901234")


def test_no_file(tmp_path: Path) -> None:
    plan = read_plan(write_plan(tmp_path))
    with pytest.raises(DataError) as caught:
        read_panel(plan)
    assert caught.value.codes == ("DATA_UNREADABLE",)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"  "])
def test_empty_files(refused: Refused, content: bytes) -> None:
    only(refused(content), "DATA_EMPTY")


def test_a_file_that_is_too_large(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaltool.reading.file_bytes.MAX_BYTES", 50)
    only(refused(GOOD), "DATA_TOO_LARGE")


def test_a_plan_without_a_folder(tmp_path: Path) -> None:
    plan = read_plan(write_plan(tmp_path)).model_copy()
    plan._path = None
    with pytest.raises(DataError) as caught:
        read_panel(plan)
    assert caught.value.codes == ("DATA_NO_FOLDER",)


def test_neither_true_nor_false(refused: Refused) -> None:
    more = '[[data.column]]\nname = "poor"\nrole = "covariate"\ntype = "boolean"'
    rows = GOOD.splitlines()
    told = ["poor", "Ja", "nej", "TRUE", "0", "1", "false", "yes", "no", "måske"]
    fault = only(
        refused("\n".join(f"{r},{w}" for r, w in zip(rows, told, strict=True)) + "\n", columns=more),
        "DATA_NOT_A_BOOLEAN",
    )
    assert (fault.place.line, "'måske'" in fault.cause) == (10, True)


def test_a_header_without_rows(refused: Refused) -> None:
    only(refused("school,year,start,absence\n"), "DATA_EMPTY")


@pytest.mark.parametrize("content", [b"PK\x03\x04....", b"PAR1....", b"%PDF-1.7", b"\x1f\x8b\x08"])
def test_binary_files(refused: Refused, content: bytes) -> None:
    fault = only(refused(content), "DATA_UNREADABLE")
    assert "looks like" in fault.cause


def test_nul_bytes(refused: Refused) -> None:
    fault = only(refused(GOOD.encode() + b"\0\0\0\0"), "DATA_TRUNCATED")
    assert fault.place.line == 11


def test_last_line_cut_off(refused: Refused) -> None:
    fault = only(refused(GOOD[: GOOD.rindex(",")]), "DATA_TRUNCATED")
    assert fault.place.line == 10
    assert "3 of 4 fields" in fault.cause


def test_unclosed_quote(refused: Refused) -> None:
    fault = only(refused(GOOD.replace("2,2002,2003,4.5", '2,2002,2003,"4.5')), "DATA_TRUNCATED")
    assert fault.place.line == 6


def test_a_line_with_too_many_fields(refused: Refused) -> None:
    fault = only(refused(GOOD.replace("2,2002,2003,4.5", "2,2002,2003,4,5")), "DATA_RAGGED_ROW")
    assert fault.place.line == 6


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (codecs.BOM_UTF8 + GOOD.encode(), "utf-8-sig"),
        (GOOD.encode("utf-16"), "utf-16"),
        (GOOD.encode("utf-16-le"), "utf-16-le"),
        (GOOD.replace("school,", "skole,").replace("absence", "fravær,school").encode("windows-1252"), "windows-1252"),
    ],
)
def test_undeclared_encodings_are_named(refused: Refused, content: bytes, name: str) -> None:
    fault = only(refused(content), "DATA_ENCODING")
    assert f'encoding = "{name}"' in fault.fix


def test_utf8_declared_as_windows_1252(refused: Refused) -> None:
    content = GOOD.replace("absence", "absence,fravær").encode()
    fault = only(refused(content, data=CSV + '\nencoding = "windows-1252"'), "DATA_ENCODING")
    assert 'encoding = "utf-8"' in fault.fix


@pytest.mark.parametrize(("mark", "shown"), [(";", ";"), ("\t", "\\t"), ("|", "|")])
def test_another_delimiter_is_named(refused: Refused, mark: str, shown: str) -> None:
    fault = only(refused(GOOD.replace(",", mark)), "DATA_DELIMITER")
    assert f'delimiter = "{shown}"' in fault.fix


def test_two_columns_of_one_name(refused: Refused) -> None:
    fault = only(refused(GOOD.replace("school,year", "school,school")), "DATA_DUPLICATE_COLUMN")
    assert fault.place.column == "school"


def test_weights_at_or_below_zero_and_weights_that_vary(refused: Refused) -> None:
    more = '[[data.column]]\nname = "pupils"\nrole = "weight"\ntype = "number"'
    rows = GOOD.splitlines()
    weights = ["pupils", "10", "10", "10", "0", "0", "0", "7", "8", "7"]
    faults = refused("\n".join(f"{r},{w}" for r, w in zip(rows, weights, strict=True)) + "\n", columns=more)
    assert [(f.code, f.place.line) for f in faults] == [
        *(("DATA_WEIGHT_NOT_POSITIVE", line) for line in (5, 6, 7)),
        ("DATA_VARIES_WITHIN_UNIT", 9),
    ]


def test_twenty_faults_of_a_kind_and_a_count_of_the_rest(refused: Refused) -> None:
    text = "school,year,start,absence\n" + "".join(
        f"{unit},{year},{2002 if unit % 2 else 0},?\n" for unit in range(77) for year in (2001, 2002)
    )
    faults = refused(text)
    assert [fault.code for fault in faults] == ["DATA_NOT_A_NUMBER"] * 21
    assert "and 134 more" in faults[-1].cause
    assert faults[-1].place.line is None


def test_lines_are_right_after_blank_lines_and_values_over_two_lines(refused: Refused) -> None:
    rows = GOOD.splitlines()
    text = "\n".join([rows[0] + ",note", rows[1] + ',"two\nlines"', "", *(row + "," for row in rows[2:])]) + "\n"
    fault = only(refused(text.replace("4.25,", "x,")), "DATA_NOT_A_NUMBER")
    assert text.replace("4.25,", "x,").splitlines()[(fault.place.line or 0) - 1].startswith("2,2003,2003,x")


def test_broken_parquet(tmp_path: Path) -> None:
    plan = read_plan(write_plan(tmp_path, data='source = "parquet"\npath = "data.parquet"'))
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"school": [1]}), path)
    whole = path.read_bytes()
    for content, code in ((whole[:-10], "DATA_TRUNCATED"), (b"nonsense", "DATA_UNREADABLE"), (b"", "DATA_EMPTY")):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_panel(plan)
        assert caught.value.codes == (code,)


def test_parquet_with_lists_and_times(tmp_path: Path) -> None:
    plan = read_plan(write_plan(tmp_path, data='source = "parquet"\npath = "data.parquet"'))
    pq.write_table(
        pa.table({"school": [1], "year": [2001], "start": [[1]], "absence": [1.0]}), tmp_path / "data.parquet"
    )
    with pytest.raises(DataError) as caught:
        read_panel(plan)
    assert caught.value.codes == ("DATA_COLUMN_TYPE",)


def test_broken_excel_and_sheets(tmp_path: Path) -> None:
    path = tmp_path / "data.xlsx"
    plan = read_plan(write_plan(tmp_path, data='source = "excel"\npath = "data.xlsx"'))
    path.write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(DataError) as caught:
        read_panel(plan)
    assert caught.value.codes == ("DATA_UNREADABLE",)
    book = openpyxl.Workbook()
    book.create_sheet("Tal")
    book.save(path)
    with pytest.raises(DataError) as caught:
        read_panel(plan)
    assert caught.value.codes == ("DATA_SHEET",)
    assert "Sheet, Tal" in caught.value.faults[0].fix


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT * FROM read_csv('secret.csv')", "DATA_QUERY_FAILED"),
        ("SELECT * FROM 'secret.csv'", "DATA_QUERY_FAILED"),
        ("SELECT * FROM read_text('secret.csv')", "DATA_QUERY_FAILED"),
        ("SELECT * FROM glob('*')", "DATA_QUERY_FAILED"),
        ("COPY t TO 'secret.csv'", "DATA_QUERY_REFUSED"),
        ("ATTACH 'other.db'", "DATA_QUERY_REFUSED"),
        ("SET threads = 4", "DATA_QUERY_REFUSED"),
        ("INSTALL httpfs", "DATA_QUERY_REFUSED"),
        ("SELECT 1; SELECT 2", "DATA_QUERY_REFUSED"),
        (" ", "DATA_QUERY_REFUSED"),
        ("SELECT *, random() AS r FROM t", "DATA_QUERY_REFUSED"),
        ("SELECT *, current_date AS d FROM t", "DATA_QUERY_REFUSED"),
        ("SELECT * FROM t USING SAMPLE 10", "DATA_QUERY_REFUSED"),
        ("SELEKT", "DATA_QUERY_FAILED"),
        ("SELECT nothing FROM t", "DATA_QUERY_FAILED"),
        ("SELECT * FROM GOOD", "DATA_QUERY_FAILED"),
        ("SELECT * FROM tmp_path", "DATA_QUERY_FAILED"),
    ],
)
def test_queries_reach_the_plans_files_and_nothing_else(tmp_path: Path, query: str, code: str) -> None:
    (tmp_path / "data.csv").write_text(GOOD)
    secret = tmp_path / "secret.csv"
    secret.write_text(GOOD)
    query = query.replace("secret.csv", secret.as_posix())
    plan = read_plan(write_plan(tmp_path, data=f'source = "duckdb"\nquery = "{query}"\nfiles = {{ t = "data.csv" }}'))
    with pytest.raises(DataError) as caught:
        read_panel(plan)
    assert caught.value.codes == (code,)
    assert secret.read_text() == GOOD


def test_frames_are_checked_the_same_way() -> None:
    frame = pd.DataFrame({"u": [1, 1, 2, 2], "t": [1, 1, 1, 2], "g": [0, 0, 2, 2], "y": [1.0, None, 2.0, float("inf")]})
    with pytest.raises(DataError) as caught:
        panel_from_frame(frame, FrameRoles(unit="u", time="t", outcome="y", first_treated="g"))
    assert set(caught.value.codes) == {
        "DATA_MISSING_VALUE",
        "DATA_NOT_FINITE",
        "DATA_DUPLICATE_KEY",
        "DATA_UNBALANCED",
    }


def test_frames_without_the_column_or_rows_or_with_two_roles() -> None:
    frame = pd.DataFrame({"unit": [1], "time": [1], "outcom": [1.0]})
    with pytest.raises(DataError) as caught:
        panel_from_frame(frame, FrameRoles(unit="unit", time="time", outcome="outcome"))
    assert caught.value.codes == ("DATA_MISSING_COLUMN",)
    assert caught.value.faults[0].suggestion == "outcom"
    with pytest.raises(DataError) as caught:
        panel_from_frame(frame[:0], FrameRoles(unit="unit", time="time", outcome="outcom"))
    assert caught.value.codes == ("DATA_EMPTY",)
    with pytest.raises(DataError) as caught:
        panel_from_frame(frame, FrameRoles(unit="unit", time="time", outcome="time"))
    assert caught.value.codes == ("DATA_ROLE_TWICE",)
    with pytest.raises(DataError) as caught:
        panel_from_frame(frame.assign(outcom=[[1]]), FrameRoles(unit="unit", time="time", outcome="outcom"))
    assert caught.value.codes == ("DATA_COLUMN_TYPE",)
