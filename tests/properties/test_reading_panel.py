"""Whatever order rows and columns come in, and whatever format, the panel and its fingerprint are the same."""

from __future__ import annotations

import itertools
import math
import random
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evaltool.errors import DataError
from evaltool.reading.csv_file import CsvFormat, read_csv
from evaltool.reading.excel_file import read_excel
from evaltool.reading.frames import FrameRoles, panel_from_frame
from evaltool.reading.panel_build import build_panel
from evaltool.reading.parquet_file import read_parquet
from evaltool.reading.spec import PanelSpec, Signs
from evaltool.reading.values import SMALLEST
from evaltool.records.panel import Panel
from evaltool.records.plan.data import Column, Data

FLOATS = st.floats(-1e99, 1e99).filter(lambda x: x == 0.0 or abs(x) >= 2 * SMALLEST)
"""Of every size that is computed with; a value a bit beside one is, too."""
NUMBERS = st.one_of(FLOATS, st.integers(-1000, 1000).map(float))
LETTERS = st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"))
TEXTS = st.text(LETTERS, min_size=1, max_size=6).filter(lambda text: text == text.strip())
ROLES = FrameRoles(
    unit="id", time="when", outcome="value", first_treated="start", covariates=("a cov", "b"), weight="people"
)
SOME = settings(deadline=None, max_examples=40)
NAMES = ["id", "when", "start", "value", "a cov", "b", "people"]


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """A balanced panel with somebody treated and somebody to compare with."""
    ids = draw(st.one_of(st.lists(st.integers(-50, 10**6), unique=True, min_size=2, max_size=5),
                         st.lists(TEXTS, unique=True, min_size=2, max_size=5)))  # fmt: skip
    periods = draw(st.lists(st.integers(1, 3000), unique=True, min_size=2, max_size=4))
    later = sorted(periods)[1:]
    starts = [draw(st.sampled_from(later)), 0, *(draw(st.sampled_from([0, *periods])) for _ in ids[2:])]
    rows = [
        (unit, when, start, draw(NUMBERS), draw(NUMBERS), draw(NUMBERS), weight)
        for unit, start, weight in zip(ids, starts, itertools.cycle([1.5, 20.0]), strict=False)
        for when in periods
    ]
    return pd.DataFrame(rows, columns=NAMES)


def same(first: Panel, second: Panel) -> None:
    pd.testing.assert_frame_equal(first.frame, second.frame, check_exact=True)
    assert first.identity.fingerprint == second.identity.fingerprint
    assert dict(first.period_labels) == dict(second.period_labels)
    assert first.identity.model_copy(update={"source": "x"}) == second.identity.model_copy(update={"source": "x"})


@SOME
@given(frame=frames(), seed=st.integers(0, 2**32))
def test_order_of_rows_and_columns_does_not_matter(frame: pd.DataFrame, seed: int) -> None:
    panel = panel_from_frame(frame, ROLES)
    order = list(frame.columns)
    random.Random(seed).shuffle(order)  # noqa: S311 - a test's shuffle
    same(panel, panel_from_frame(frame.sample(frac=1, random_state=seed % 2**31)[order], ROLES))
    ids = panel.frame["unit"].tolist()
    assert ids == sorted(ids)
    for _, part in panel.frame.groupby("unit"):
        assert part["period"].is_monotonic_increasing


@SOME
@given(frame=frames())
def test_values_arrive_unchanged(frame: pd.DataFrame) -> None:
    panel = panel_from_frame(frame, ROLES)
    there = {(row.id, row.when): row for row in frame.itertuples()}
    assert len(there) == len(panel.frame)
    for row in panel.frame.to_dict("records"):
        source = there[row["unit"], row["period"]]
        assert row["y.value"] == source.value
        assert row["weight"] == source.people
        assert row["first_treated"] == (source.start or math.inf)


@SOME
@given(frame=frames(), comma=st.booleans(), groups=st.integers(1, 4))
def test_csv_excel_and_parquet_give_the_same_panel(frame: pd.DataFrame, comma: bool, groups: int) -> None:
    direct = panel_from_frame(frame, ROLES)
    kind = "integer" if frame["id"].dtype.kind == "i" else "text"
    spec = PanelSpec(
        columns=(
            Column(name="id", role="unit", type=kind),
            Column(name="when", role="time", type="integer"),
            Column(name="start", role="first_treated", type="integer"),
            Column(name="value", role="outcome", type="number"),
            Column(name="a cov", role="covariate", type="number"),
            Column(name="b", role="covariate", type="number"),
            Column(name="people", role="weight", type="number"),
        ),
        outcomes=("value",),
        source="x",
        needs_comparison=True,
        signs=Signs(decimal="," if comma else "."),
    )
    delimiter = ";" if comma else ","
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame.to_csv(folder / "d.csv", index=False, sep=delimiter, decimal=spec.signs.decimal, encoding="utf-8")
        same(direct, build_panel(read_csv(folder / "d.csv", "d.csv", CsvFormat("utf-8", delimiter), NAMES), spec))
        pq.write_table(pa.Table.from_pandas(frame), folder / "d.parquet", row_group_size=groups)
        same(direct, build_panel(read_parquet(folder / "d.parquet", "d.parquet", NAMES), spec))
        measured = ["value", "a cov", "b"]  # workbooks are written with fifteen digits
        frame[measured] = frame[measured].map(lambda v: float(f"{v:.15g}") if 1e-300 < abs(v) < 1e300 else 1.5)
        direct = panel_from_frame(frame, ROLES)
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in [NAMES, *frame.astype(object).to_numpy().tolist()]:
            sheet.append(row)
            for cell in sheet[sheet.max_row]:
                if isinstance(cell.value, str):
                    cell.data_type = "s"  # a text that starts with = is no formula
        book.save(folder / "d.xlsx")
        data = Data(source="excel", path="d.xlsx", decimal=spec.signs.decimal)
        same(direct, build_panel(read_excel(folder / "d.xlsx", "d.xlsx", data, NAMES), spec))


@SOME
@given(frame=frames(), data=st.data())
def test_any_changed_value_is_another_fingerprint(frame: pd.DataFrame, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(frame) - 1))
    column = data.draw(st.sampled_from(["value", "a cov", "b"]))
    value = data.draw(NUMBERS)
    assume(value != frame.loc[row, column])
    other = frame.copy()
    other.loc[row, column] = value
    first, second = panel_from_frame(frame, ROLES), panel_from_frame(other, ROLES)
    assert first.identity.fingerprint != second.identity.fingerprint


@SOME
@given(content=st.binary(max_size=300))
def test_arbitrary_bytes_are_read_or_refused(content: bytes) -> None:
    spec = PanelSpec(columns=(Column(name="a", role="unit", type="text"),), outcomes=(), source="csv")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "d.csv"
        path.write_bytes(content)
        for form in (CsvFormat("utf-8", ","), CsvFormat("windows-1252", ";"), CsvFormat("utf-16", ",")):
            with suppress(DataError):
                assert build_panel(read_csv(path, "d.csv", form, ["a"]), spec).identity.rows > 0


@SOME
@given(
    cells=st.lists(st.text(alphabet='ab"\n\r,; ', max_size=6), min_size=1, max_size=8),
    cut=st.integers(0, 60),
)
def test_csv_with_odd_quotes_is_read_or_refused(cells: list[str], cut: int) -> None:
    rows = "a,b\n" + "".join(f'"{cell.replace(chr(34), chr(34) * 2)}",1\n' for cell in cells)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "d.csv"
        path.write_bytes(rows.encode())
        table = read_csv(path, "d.csv", CsvFormat("utf-8", ","), ["a", "b"])
        assert table.rows == len(cells)
        assert table.columns["a"].to_pylist() == cells
        path.write_bytes(rows.encode()[:cut])
        with suppress(DataError):
            assert read_csv(path, "d.csv", CsvFormat("utf-8", ","), ["a", "b"]).rows <= len(cells)


@SOME
@given(numbers=st.lists(FLOATS, min_size=1, max_size=10))
def test_numbers_written_by_repr_come_back_bit_for_bit(numbers: list[float]) -> None:
    frame = pd.DataFrame({"id": range(len(numbers)), "value": [repr(number) for number in numbers]})
    panel = panel_from_frame(frame, FrameRoles(unit="id", outcome="value"))
    assert np.array_equal(panel.outcome("value"), np.array(numbers))
