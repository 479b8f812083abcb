"""What becomes of a data file: Danish files, dates, codings of never, what is left out, the four sources."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaltool.errors import DataError
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.panel import Panel

HEAD = """\
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
[data]
"""
COLUMNS = {"school": ("unit", "text"), "year": ("time", "integer"), "start": ("first_treated", "integer"),
           "absence": ("outcome", "number")}  # fmt: skip


def read(folder: Path, data: str, **columns: str) -> Panel:
    """The panel of a plan with this [data] and these columns: name = "role type; more keys"."""
    declared = columns or {name: f"{role} {kind}" for name, (role, kind) in COLUMNS.items()}
    text = HEAD + data
    for name, told in declared.items():
        what, *more = told.split("; ")
        role, kind = what.split()
        text += f'\n[[data.column]]\nname = "{name}"\nrole = "{role}"\ntype = "{kind}"\n' + "\n".join(more)
    (folder / "plan.toml").write_text(text + "\n", encoding="utf-8")
    panel = read_panel(read_plan(folder / "plan.toml"))
    assert panel is not None
    return panel


def test_a_danish_municipal_file(tmp_path: Path) -> None:
    text = (
        "Skole;Måned;Indsats fra;Fravær pct.;Elever;Bemærkning\r\n"
        "Østre Skole;01-08-2023;;1.234,5;1.200;\r\n"
        '"Ægirs; Skole";01-08-2023;01-09-2023;+7,25;300;"to\r\nlinjer"\r\n'
        "Østre Skole;01-09-2023;; 8 ;1.200;\r\n"
        '"Ægirs; Skole";01-09-2023;01-09-2023;0,5;300;æøå\r\n'
    )
    (tmp_path / "data.csv").write_bytes(text.encode("windows-1252"))
    panel = read(
        tmp_path,
        'source = "csv"\npath = "data.csv"\nencoding = "windows-1252"\ndelimiter = ";"\ndecimal = ","\n'
        'thousands = "."\ndate_format = "%d-%m-%Y"',
        Skole="unit text",
        Måned="time date",
        **{"Indsats fra": "first_treated date", "Fravær pct.": "outcome number", "Elever": "weight integer"},
    )
    # by code point Æ (U+00C6) stands before Ø (U+00D8)
    assert panel.frame["unit"].tolist() == ["Ægirs; Skole"] * 2 + ["Østre Skole"] * 2
    assert panel.frame["period"].tolist() == [1, 2, 1, 2]
    assert panel.frame["first_treated"].tolist() == [2.0, 2.0, math.inf, math.inf]
    assert panel.frame["y.absence"].tolist() == [7.25, 0.5, 1234.5, 8.0]
    assert panel.frame["weight"].tolist() == [300.0, 300.0, 1200.0, 1200.0]
    assert dict(panel.period_labels) == {1: "2023-08", 2: "2023-09"}
    assert panel.identity.never_coding == "empty"
    assert panel.identity.columns == ("Elever", "Fravær pct.", "Indsats fra", "Måned", "Skole")


def test_thousands_signs_stand_in_groups_of_three(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("school;absence\na;1.23,4\n")
    with pytest.raises(DataError, match="DATA_NOT_A_NUMBER"):
        read(
            tmp_path,
            'source = "csv"\npath = "data.csv"\ndelimiter = ";"\ndecimal = ","\nthousands = "."',
            school="unit text",
            absence="outcome number",
        )


def test_dates_that_are_no_months_keep_the_day_and_starts_outside_are_kept(tmp_path: Path) -> None:
    starts = {"a": "", "b": "2023-01-02", "c": "2022-06-01", "d": "2023-03-01"}
    rows = [f"{u},{day},{s},1" for u, s in starts.items() for day in ("2023-01-02", "2023-01-09", "2023-01-16")]
    rows += [f"e,{day},2023-01-09,1" for day in ("2023-01-02", "2023-01-09", "2023-01-16")]
    (tmp_path / "data.csv").write_text("school,year,start,absence\n" + "\n".join(rows) + "\n")
    columns = {name: f"{role} {kind}" for name, (role, kind) in COLUMNS.items()}
    panel = read(
        tmp_path, 'source = "csv"\npath = "data.csv"', **columns | {"year": "time date", "start": "first_treated date"}
    )
    assert dict(panel.period_labels) == {1: "2023-01-02", 2: "2023-01-09", 3: "2023-01-16"}
    by_unit = panel.frame.groupby("unit")["first_treated"].first().to_dict()
    assert by_unit == {"a": math.inf, "b": 1.0, "c": 0.0, "d": 4.0, "e": 2.0}


@pytest.mark.parametrize(
    ("cell", "more", "coding"),
    [
        ("", "", "empty"),
        ("0", "", "zero"),
        ("Inf", "", "infinity"),
        ("9999", 'never = "9999"', "far_period"),
        ("-1", 'never = "-1"', "declared"),
        ("aldrig", 'never = "Aldrig"', "declared"),
    ],
)
def test_codings_of_never(tmp_path: Path, cell: str, more: str, coding: str) -> None:
    rows = [f"{u},{y},{s},1" for u, s in (("a", cell), ("b", "2002")) for y in (2001, 2002)]
    (tmp_path / "data.csv").write_text("school,year,start,absence\n" + "\n".join(rows) + "\n")
    columns = {name: f"{role} {kind}" for name, (role, kind) in COLUMNS.items()}
    columns["start"] += f"; {more}" if more else ""
    panel = read(tmp_path, 'source = "csv"\npath = "data.csv"', **columns)
    assert panel.identity.never_coding == coding
    assert panel.frame["first_treated"].tolist() == [math.inf, math.inf, 2002.0, 2002.0]


def test_zero_is_a_period_when_the_periods_include_it() -> None:
    frame = pd.DataFrame({"u": [1, 1, 2, 2], "t": [-1, 0, -1, 0], "g": [0, 0, None, None], "y": [1.0, 2.0, 3.0, 4.0]})
    panel = panel_from_frame(frame, FrameRoles(unit="u", time="t", outcome="y", first_treated="g"))
    assert panel.frame["first_treated"].tolist() == [0.0, 0.0, math.inf, math.inf]
    assert panel.identity.never_coding == "empty"


def test_a_start_after_the_last_period_is_kept_as_it_is() -> None:
    frame = pd.DataFrame({"u": [1, 1, 2, 2], "t": [1, 2, 1, 2], "g": [2, 2, 7, 7], "y": [1.0, 2.0, 3.0, 4.0]})
    panel = panel_from_frame(frame, FrameRoles(unit="u", time="t", outcome="y", first_treated="g"))
    assert panel.starts == (2, 7)


def test_what_is_left_out_stands_in_the_ledger_by_arm(tmp_path: Path) -> None:
    cells = {
        ("a", 1): "1", ("a", 2): "?", ("a", 3): "1",  # comparison, one row without a value
        ("b", 1): "1", ("b", 2): "1", ("b", 3): "1",  # comparison, whole
        ("c", 1): "?", ("c", 2): "?", ("c", 3): "1",  # treated, two rows without a value
        ("d", 1): "1", ("d", 2): "1", ("d", 3): "1",  # treated, whole
    }  # fmt: skip
    starts = {"a": 0, "b": 0, "c": 2, "d": 3}
    rows = [f"{u},{t},{starts[u]},{y}" for (u, t), y in cells.items()]
    (tmp_path / "data.csv").write_text("school,year,start,absence\n" + "\n".join(rows) + "\n")
    columns = {name: f"{role} {kind}" for name, (role, kind) in COLUMNS.items()}

    def told(panel: Panel) -> list[tuple[str, str, str, int, tuple[str, ...]]]:
        return [(e.reason, e.what, e.arm, e.count, e.members) for e in panel.ledger.entries]

    source = 'source = "csv"\npath = "data.csv"\nmissing_codes = ["", "?"]\n'
    rows_out = columns | {"absence": 'outcome number; missing = "drop_row"'}
    kept = read(tmp_path, source + 'balance = "keep"', **rows_out)
    assert told(kept) == [
        ("missing_value_row", "row", "comparison", 1, ("a",)),
        ("missing_value_row", "row", "treated", 2, ("c",)),
    ]
    assert kept.identity.rows == 9
    balanced = read(tmp_path, source + 'balance = "drop_unit"', **rows_out)
    assert told(balanced) == [
        ("missing_value_row", "row", "comparison", 1, ("a",)),
        ("missing_value_row", "row", "treated", 2, ("c",)),
        ("unbalanced_unit", "unit", "comparison", 1, ("a",)),
        ("unbalanced_unit", "unit", "treated", 1, ("c",)),
    ]
    assert balanced.frame["unit"].unique().tolist() == ["b", "d"]
    with pytest.raises(DataError, match="DATA_UNBALANCED"):
        read(tmp_path, source, **rows_out)
    units_out = columns | {"absence": 'outcome number; missing = "drop_unit"'}
    whole = read(tmp_path, source, **units_out)
    assert told(whole) == [
        ("missing_value_unit", "unit", "comparison", 1, ("a",)),
        ("missing_value_unit", "unit", "treated", 1, ("c",)),
    ]
    # the fingerprint is of what was delivered, whatever is left out of it
    assert {kept.identity.fingerprint, balanced.identity.fingerprint} == {whole.identity.fingerprint}


def test_missing_starts_are_dropped_when_the_plan_says_so(tmp_path: Path) -> None:
    starts = {"a": "inf", "b": "", "c": "2"}
    rows = [f"{u},{t},{s},1" for u, s in starts.items() for t in (1, 2)]
    (tmp_path / "data.csv").write_text("school,year,start,absence\n" + "\n".join(rows) + "\n")
    columns = {name: f"{role} {kind}" for name, (role, kind) in COLUMNS.items()}
    columns["start"] += '; missing = "drop_unit"'
    panel = read(tmp_path, 'source = "csv"\npath = "data.csv"', **columns)
    assert panel.frame["unit"].unique().tolist() == ["a", "c"]
    (entry,) = panel.ledger.entries
    assert (entry.what, entry.arm, entry.count, entry.detail) == ("unit", "unknown", 1, "start")


def values() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "school": ["Ø1", "Ø1", "a", "a"],
            "year": [2001, 2002, 2001, 2002],
            "start": [2002, 2002, 0, 0],
            "absence": [0.1, -0.0, 1e-300, 12.0],
            "poor": [True, False, True, True],
            "seen": [dt.date(2024, 2, 29)] * 4,
        }
    )


def test_csv_excel_parquet_and_duckdb_say_the_same(tmp_path: Path) -> None:
    frame = values()
    columns = {name: f"{role} {kind}" for name, (role, kind) in COLUMNS.items()} | {"poor": "covariate boolean"}
    frame.to_csv(tmp_path / "data.csv", index=False)
    frame.to_csv(tmp_path / "danish.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    pq.write_table(pa.Table.from_pandas(frame.iloc[::-1]), tmp_path / "data.parquet", row_group_size=1)
    small = pa.Table.from_pandas(frame).cast(
        pa.schema(
            [
                ("school", pa.dictionary(pa.int8(), pa.string())),
                ("year", pa.int16()),
                ("start", pa.float32()),
                ("absence", pa.float64()),
                ("poor", pa.bool_()),
                ("seen", pa.timestamp("ns")),
            ]
        )
    )
    pq.write_table(small, tmp_path / "small.parquet")
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [list(frame.columns), *frame.astype(object).to_numpy().tolist()]:
        sheet.append(row)
    book.save(tmp_path / "data.xlsx")
    read_ways = [
        'source = "csv"\npath = "data.csv"',
        'source = "csv"\npath = "danish.csv"\nencoding = "utf-16"\ndelimiter = ";"\ndecimal = ","',
        'source = "parquet"\npath = "data.parquet"',
        'source = "parquet"\npath = "small.parquet"',
        'source = "excel"\npath = "data.xlsx"',
        'source = "duckdb"\nquery = "SELECT * FROM t ORDER BY absence"\nfiles = { t = "data.csv" }',
        (
            'source = "duckdb"\nquery = """SELECT p.* EXCLUDE (poor), c.poor FROM t AS c\n'
            """JOIN p ON p.school = c.school AND p.year = CAST(c.year AS INTEGER)\"\"\"\n"""
            'files = { t = "data.csv", p = "data.parquet" }'
        ),
    ]
    panels = [read(tmp_path, way, **columns) for way in read_ways]
    direct = panel_from_frame(
        frame.rename(columns={"absence": "absence"}),
        FrameRoles(unit="school", time="year", outcome="absence", first_treated="start"),
    )
    for panel in panels:
        pd.testing.assert_frame_equal(panel.frame, panels[0].frame)
        assert panel.identity.fingerprint == panels[0].identity.fingerprint
    pd.testing.assert_frame_equal(direct.frame, panels[0].frame.drop(columns="x.poor"))
    assert panels[0].outcome("absence").tolist() == [1e-300, 12.0, 0.1, 0.0]
    assert not np.signbit(panels[0].outcome("absence")[3])
    assert panels[0].covariates == ("poor",)


def test_a_changed_value_changes_the_fingerprint() -> None:
    roles = FrameRoles(unit="school", time="year", outcome="absence", first_treated="start")
    base = panel_from_frame(values(), roles).identity.fingerprint
    seen = {base}
    for column, row, value in (
        ("absence", 0, 0.1 + 2**-56),
        ("absence", 1, 5e-324),
        ("school", slice(0, 1), "Ø2"),
        ("start", slice(2, 3), 2005),
    ):
        frame = values()
        frame.loc[row, column] = value
        seen.add(panel_from_frame(frame, roles).identity.fingerprint)
    assert len(seen) == 5
    assert panel_from_frame(values().assign(extra=1), roles).identity.fingerprint == base


def test_excel_with_mixed_cells_danish_signs_and_a_named_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Tal")
    for row in (
        ["school", "year", "start", "absence"],
        [1, dt.datetime(2023, 8, 1), None, "7,5"],  # noqa: DTZ001 - a cell has no time zone
        [None, None, None, None],
        ["2b", dt.date(2023, 8, 1), "01-09-2023", 3],
        [1, "01-09-2023", None, 8.25],
        ["2b", dt.date(2023, 9, 1), dt.date(2023, 9, 1), 3],
    ):
        sheet.append(row)
    book.save(tmp_path / "data.xlsx")
    columns = {name: f"{role} {kind}" for name, (role, kind) in COLUMNS.items()}
    panel = read(
        tmp_path,
        'source = "excel"\npath = "data.xlsx"\nsheet = "Tal"\ndecimal = ","\ndate_format = "%d-%m-%Y"',
        **columns | {"year": "time date", "start": "first_treated date"},
    )
    assert panel.frame["unit"].tolist() == ["1", "1", "2b", "2b"]
    assert panel.outcome("absence").tolist() == [7.5, 8.25, 3.0, 3.0]
    assert panel.starts == (2,)


def test_excel_faults_name_the_row_of_the_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["school", "year", "start", "absence"], ["a", 1, 0, 1], [None] * 4, ["a", 2, 0, "x"]):
        sheet.append(row)
    book.save(tmp_path / "data.xlsx")
    with pytest.raises(DataError) as caught:
        read(tmp_path, 'source = "excel"\npath = "data.xlsx"')
    assert [f.place.line for f in caught.value.faults if f.code == "DATA_NOT_A_NUMBER"] == [4]


def test_numeric_missing_codes_mean_the_same_in_every_format(tmp_path: Path) -> None:
    frame = pd.DataFrame({"school": ["a", "b"], "absence": [-99.0, 2.0]})
    frame.to_parquet(tmp_path / "data.parquet")
    frame.astype({"absence": int}).to_csv(tmp_path / "data.csv", index=False)
    prints = set()
    for source, path in (("csv", "data.csv"), ("parquet", "data.parquet")):
        panel = read(
            tmp_path,
            f'source = "{source}"\npath = "{path}"\nmissing_codes = ["-99"]',
            school="unit text",
            absence='outcome number; missing = "drop_row"',
        )
        assert panel.frame["y.absence"].tolist() == [2.0]
        prints.add(panel.identity.fingerprint)
    assert len(prints) == 1


def test_frames_of_every_kind() -> None:
    base = pd.DataFrame(
        {"u": [10, 9, 10, 9], "t": [2, 1, 1, 2], "g": [2.0, np.nan, 2.0, np.nan], "y": [1, 2, 3, 4], "x": [1, 0, 1, 0]}
    )
    roles = FrameRoles(unit="u", time="t", outcome="y", first_treated="g", covariates=("x",), cluster="u")
    expected = panel_from_frame(base, roles)
    assert expected.frame["unit"].tolist() == [9, 9, 10, 10]
    assert expected.frame["unit"].dtype == np.int64
    for other in (
        base.astype({"u": "Int64", "t": "int8", "g": "Int64", "y": "float32", "x": bool}),
        base.convert_dtypes(),
        base.convert_dtypes(dtype_backend="pyarrow"),
        base.set_index(pd.Index([5, 5, 5, 5])),
        pa.Table.from_pandas(base),
    ):
        pd.testing.assert_frame_equal(panel_from_frame(other, roles).frame, expected.frame)
    named = panel_from_frame(base.assign(u=["b", "a", "b", "a"]), roles)
    for kind in ("category", "string", object):
        again = panel_from_frame(base.assign(u=pd.Series(["b", "a", "b", "a"]).astype(kind)), roles)
        pd.testing.assert_frame_equal(again.frame, named.frame)
    days = pd.to_datetime(["2024-02-01", "2024-01-01", "2024-01-01", "2024-02-01"])
    dated = panel_from_frame(base.assign(t=days, g=pd.to_datetime(["2024-02-01", None, "2024-02-01", None])), roles)
    assert dated.periods == (1, 2)
    assert dated.starts == (2,)
    assert dated.label(2) == "2024-02"


def test_a_plan_without_data_has_no_panel(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(HEAD + 'source = "none"\n')
    assert read_panel(read_plan(tmp_path / "plan.toml")) is None


def test_another_file_may_take_the_place_of_the_declared_one(tmp_path: Path) -> None:
    (tmp_path / "later.csv").write_text("school,year,start,absence\na,1,0,1\na,2,0,1\nb,1,2,1\nb,2,2,1\n")
    with pytest.raises(DataError):
        read(tmp_path, 'source = "csv"\npath = "data.csv"')
    panel = read_panel(read_plan(tmp_path / "plan.toml"), tmp_path / "later.csv")
    assert panel is not None
    assert panel.identity.units == 2
