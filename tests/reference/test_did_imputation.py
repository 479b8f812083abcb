"""did.imputation against R didimputation and did.two_stage against R did2s: effects and standard errors.

Averages and standard errors 1e-7 relative; event times 1e-8 absolute. The R packages partial out with fixest, which
iterates to 1e-6; our own two computations agree to 1e-13.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from estimator_world import Ask, again, estimate, sim_stagg, staggered

from evaltool.records.panel import Panel

AVERAGE, EVENT = 1e-7, 1e-8
KEEP, DROP = {"singletons": "keep"}, {"singletons": "drop"}


@pytest.fixture(scope="module")
def numbers(reference: Path) -> dict[str, Any]:
    return {e["id"]: e["results"] for e in json.loads((reference / "numbers" / "did_other.json").read_text("utf-8"))}


@pytest.fixture(scope="module")
def mpdta(reference: Path) -> Panel:
    names = {"countyreal": "unit", "year": "time", "lemp": "y", "first.treat": "g"}
    return staggered(pd.read_csv(reference / "data" / "mpdta.csv").rename(columns=names))


@pytest.mark.parametrize(
    ("entry", "method", "options"),
    [
        ("didimp_mpdta", "did.imputation", DROP),
        ("didimp_mpdta_nosingletondrop", "did.imputation", KEEP),
        ("did2s_mpdta", "did.two_stage", {}),
    ],
)
def test_average_on_county_employment(
    entry: str, method: str, options: dict[str, object], numbers: dict[str, Any], mpdta: Panel
) -> None:
    expected = numbers[entry]
    found = estimate(mpdta, Ask(method, options))
    assert found.att == pytest.approx(expected.get("estimate", expected.get("est")), rel=AVERAGE)
    assert found.se == pytest.approx(expected.get("std.error", expected.get("se")), rel=AVERAGE)


@pytest.mark.parametrize(
    ("entry", "method"), [("didimp_sim_stagg_static", "did.imputation"), ("did2s_sim_stagg", "did.two_stage")]
)
def test_average_on_the_simulation(entry: str, method: str, numbers: dict[str, Any]) -> None:
    expected = numbers[entry]
    found = estimate(staggered(sim_stagg()), Ask(method))
    assert found.att == pytest.approx(expected.get("estimate", expected.get("est")), rel=AVERAGE)
    assert found.se == pytest.approx(expected.get("std.error", expected.get("se")), rel=AVERAGE)


@pytest.mark.parametrize(
    ("entry", "options"),
    [("didimp_mpdta_event", DROP), ("didimp_mpdta_event_nosingletondrop", KEEP), ("didimp_sim_stagg", KEEP)],
)
def test_event_times_and_leads(entry: str, options: dict[str, object], numbers: dict[str, Any], mpdta: Panel) -> None:
    """Horizons without an untreated fit (null in R) are left out; leads are against the period before the start."""
    panel = staggered(sim_stagg()) if "sim" in entry else mpdta
    path = {e.element: e for e in estimate(panel, Ask("did.imputation", options)).path}
    rows = zip(*(numbers[entry][key] for key in ("term", "estimate", "std.error")), strict=True)
    for term, effect, se in rows:
        if effect is None:
            assert int(term) not in path
            continue
        assert path[int(term)].att == pytest.approx(effect, abs=EVENT)
        assert path[int(term)].se == pytest.approx(se, abs=EVENT)


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
@pytest.mark.parametrize("method", ["did.imputation", "did.two_stage"])
def test_the_second_computation_agrees(method: str, kind: str, mpdta: Panel) -> None:
    ask = Ask(method, aggregation=kind)  # type: ignore[arg-type]
    assert abs(again(mpdta, ask).value - estimate(mpdta, ask).att) <= 1e-12
