"""Who is not in the target group: nothing else is asked of them, they are counted, and they change no figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_reading_data import read

import evaltool as ev
from evaltool.errors import DataError
from evaltool.pipeline import evaluate
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.design import TIMES
from evaltool.records.run import Run
from evaltool.report.blocks import Figure, Table
from evaltool.report.section import build_section

SAMPLE = Path(__file__).resolve().parents[2] / "data_samples" / "into_work"
ELIGIBLE = '[[data.column]]\nname = "målgruppe"\nrole = "eligible"\ntype = "boolean"\n\n'
TERMS = 'balance_terms = ["squares", "interactions"]\n'


def outsiders(lines: list[str]) -> list[str]:
    """Thirty treated and fifty others beside the target group, without any figures."""
    ids = [f"X{n:05d}" for n in range(80)]
    blank = ";" * (lines[0].count(";") - 3)
    return [f"{name};Ravnsund;{int(n < 30)}{blank};0" for n, name in enumerate(ids)]


def run_of(folder: Path, *, eligible: bool) -> Run:
    plan = (SAMPLE / "plan.toml").read_text(encoding="utf-8")
    plan = plan.replace("[design.options]\n", "[design.options]\n" + TERMS)
    plan = plan.replace("[governance]\n", "[governance]\nside_by_side = false\n")
    lines = (SAMPLE / "people.csv").read_bytes().decode("cp1252").splitlines()
    if eligible:
        plan = plan.replace('[[data.column]]\nname = "kommune"', ELIGIBLE + '[[data.column]]\nname = "kommune"')
        lines = [f"{lines[0]};målgruppe", *(f"{line};1" for line in lines[1:])]
        lines += outsiders(lines)
    folder.mkdir()
    (folder / "plan.toml").write_text(plan, encoding="utf-8")
    (folder / "people.csv").write_bytes("\n".join(lines).encode("cp1252"))
    read = read_plan(folder / "plan.toml")
    return evaluate(read, read_panel(read))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    folder = tmp_path_factory.mktemp("eligible")
    return run_of(folder / "all", eligible=False), run_of(folder / "some", eligible=True)


def test_who_is_not_eligible_changes_no_figure_and_is_counted(runs: tuple[Run, Run]) -> None:
    whole, some = runs
    assert (some.estimate.att, some.estimate.se) == (whole.estimate.att, whole.estimate.se)
    assert some.design.matching == whole.design.matching
    entries = [e for e in some.ledger.entries if e.reason == "not_eligible"]
    assert [(e.stage, e.what, e.arm, e.count) for e in entries] == [
        ("reading", "unit", "comparison", 50),
        ("reading", "unit", "treated", 30),
    ]
    attrition = [{g.name: g for g in run.gates}["attrition"].evidence for run in runs]
    assert attrition[0] == attrition[1]


@pytest.mark.parametrize(("lang", "words"), [("en", "Eligible"), ("da", "I målgruppen")])
def test_the_flow_has_a_stage_for_them(runs: tuple[Run, Run], lang: str, words: str) -> None:
    def rows(run: Run) -> dict[str, tuple[str, ...]]:
        (figure,) = (b for b in build_section("people_flow", run, lang).blocks if isinstance(b, Figure))
        return {row[0]: tuple(row[1:]) for row in figure.data.rows}

    whole, some = (rows(run) for run in runs)
    first = next(iter(some))
    assert some[words] == whole[first] != some[first]
    assert words not in whole
    if lang == "en":
        assert (some["Submitted"], some["Eligible"]) == (("156", "4,110"), ("126", "4,060"))
        assert some["Left out: outside the target group"] == ("30", "50")


def test_a_unit_is_eligible_in_all_its_rows_or_in_none(tmp_path: Path) -> None:
    told = {"u": "unit integer", "t": "time integer", "s": "first_treated integer"}
    columns = {**told, "e": "eligible boolean", "y": "outcome number"}
    cells = [(u, t) for u in (1, 2, 3) for t in (1, 2)]
    lines = [f"{u},{t},{2 if u == 1 else 0},{int(u < 2 or t < 2)},1" for u, t in cells]
    (tmp_path / "d.csv").write_text("\n".join(["u,t,s,e,y", *lines]) + "\n")
    with pytest.raises(DataError, match="DATA_VARIES_WITHIN_UNIT") as refused:
        read(tmp_path, 'source = "csv"\npath = "d.csv"\n', **columns)
    assert "'e' changes within" in str(refused.value)


def test_squares_and_products_are_compared_on_request(runs: tuple[Run, Run]) -> None:
    run = runs[0]
    facts = run.design.matching
    assert facts is not None
    names = [row.covariate for row in facts.balance if TIMES in row.covariate]
    assert f"alder{TIMES}alder" in names
    assert f"kvinde{TIMES}kvinde" not in names
    assert len(names) == 45 + sum(row.kind == "continuous" for row in facts.balance if TIMES not in row.covariate)
    (table,) = (b for b in build_section("balance", run, "en").blocks if isinstance(b, Table))
    heads = [row[0] for row in table.rows]
    assert "Age (years)²" in heads
    assert any(TIMES in head for head in heads)


def test_the_figures_of_a_product_are_those_of_its_column() -> None:
    r = np.random.default_rng(2)
    x, z = r.normal(size=200), r.integers(0, 2, 200)
    frame = pd.DataFrame({"id": range(200), "d": r.integers(0, 2, 200), "x": x, "z": z, "xz": x * z, "xx": x * x})
    both = {"treatment": "d", "unit": "id", "estimand": "ATE"}
    found = ev.weighting.inverse_propensity(
        frame, **both, covariates=["x", "z"], balance_terms=["squares", "interactions"]
    )
    rows = found.balance().set_index("covariate")
    assert list(rows.index) == ["propensity score", "x", "z", f"x{TIMES}x", f"x{TIMES}z"]
    weights = found.weights.to_numpy()
    treated = frame["d"].to_numpy() == 1
    for name, column in ((f"x{TIMES}x", "xx"), (f"x{TIMES}z", "xz")):
        value = frame[column].to_numpy()
        sd = np.sqrt((value[treated].var(ddof=1) + value[~treated].var(ddof=1)) / 2)
        means = [np.average(value[arm], weights=weights[arm]) for arm in (treated, ~treated)]
        assert rows.loc[name, "smd_after"] == pytest.approx((means[0] - means[1]) / sd, rel=1e-12)
    plain = ev.weighting.inverse_propensity(frame, **both, covariates=["x", "z"])
    assert plain.design.summary.seal != found.design.summary.seal
    with pytest.raises(ev.errors.UsageError, match="cubes"):
        ev.weighting.inverse_propensity(frame, **both, covariates=["x", "z"], balance_terms=["cubes"])
