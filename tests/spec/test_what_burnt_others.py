"""What went wrong in other programs, each line with a test: those here, and where the others stand.

Always-treated units read, a cluster argument ignored, factors unsaid, never-treated that vanish, cohorts of one
dropped, missing outcomes as zeros, codings of never, paths that bend at the start: test_did_what_must_hold.py.
Pre-tests used as a pass: test_gates_trends.py (flat but noisy never passes, tiny but significant does).
Mixtures of codings, duplicate rows, text in numbers, empty files, on the plan road: tests/attack/test_bad_data.py.
Bounds that take the worst pre-period violation as known: tests/reference/test_honest_did.py. An understated error of
switching: test_did_switching.py. Errors that hang on a hash seed: tests/properties/test_one_record.py. A placebo unit
left in its own donor pool, a fit above its optimum: test_synthetic_did.py, test_synthetic_control.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from estimator_world import Ask, estimate

import evaltool as ev
from evaltool.errors import EvaltoolError
from evaltool.reading.frames import FrameRoles, panel_from_frame

SIZES = np.array([3, 46, 7, 31, 12, 20, 5, 40, 9, 27])
NAMES = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "g"}


def world(seed: int = 1) -> pd.DataFrame:
    """Ten towns of 3 to 46 schools, five of them treated from 3 on; four periods; a town's own shock."""
    r = np.random.default_rng(seed)
    rows = []
    for town, size in enumerate(SIZES):
        shock = r.normal(size=5)
        rows += [
            {"unit": 100 * town + school, "time": t, "g": 3 if town % 2 else 0, "town": town,
             "y": float(school % 4 + t + shock[t] + r.normal() + 2.0 * (town % 2 and t >= 3))}
            for school in range(size)
            for t in range(1, 5)
        ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return world()


def test_clusters_sum_influence_values_and_never_average_them(frame: pd.DataFrame) -> None:
    """Means instead of sums (moderndid; R did, pull request 261): wrong whenever sizes differ, here 3 to 46.

    One cell (3, 3): the error is CR0 of the change on treatment, from statsmodels' scores; by means it is another.
    """
    wide = frame[frame["time"] < 4].pivot_table(index=["unit", "town", "g"], columns="time", values="y").reset_index()
    change = pd.DataFrame({"change": wide[3] - wide[2], "d": (wide["g"] > 0).astype(float), "town": wide["town"]})
    fit = smf.ols("change ~ d", change).fit()
    bread = np.linalg.inv(fit.model.exog.T @ fit.model.exog)
    scores = pd.Series((fit.model.exog * fit.resid.to_numpy()[:, None] @ bread)[:, 1]).groupby(change["town"])
    roles = FrameRoles("unit", "y", "time", first_treated="g", cluster="town")
    found = estimate(panel_from_frame(frame[frame["time"] < 4], roles), Ask("did.group_time", cluster="town"))
    sums, means = float(np.sqrt((scores.sum() ** 2).sum())), float(np.sqrt((scores.mean() ** 2).sum()))
    assert found.se == pytest.approx(sums, rel=1e-10)
    assert abs(found.se - means * SIZES.mean()) > 0.1 * found.se


@pytest.mark.parametrize("method", ["group_time", "event_study", "sun_abraham"])
def test_the_base_of_an_event_study_is_universal_unless_stated(method: str, frame: pd.DataFrame) -> None:
    """Default plots that mix short steps before with long ones after (Roth 2024): one reference point, drawn at −1."""
    found = getattr(ev.did, method)(frame, **NAMES)
    assert found.conventions["base_period"] == "universal"
    assert [(e.element, e.att) for e in found.path if e.reference] == [(-1, 0.0)]
    assert all(e.n_treated > 0 for e in found.path)


def vary(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(g=frame["g"].where((frame["unit"] != 105) | (frame["time"] < 4), 4))


BAD: Mapping[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str, str]] = {
    "a start that varies within a unit (diff-diff: silent)": (vary, "DATA_START_VARIES", "105"),
    "two rows for a unit and period (pyfixest: silent)": (
        lambda f: pd.concat([f, f[(f["unit"] == 105) & (f["time"] == 2)]]), "DATA_DUPLICATE_KEY", "105",
    ),
    "everybody treated from the first period (PanelOLS: 5.77 with error 0)": (
        lambda f: f.assign(g=1), "DATA_EMPTY_ARM", "Nobody is treated",
    ),
    "a tenth of the rows missing (three answers by package)": (
        lambda f: f.sample(frac=0.9, random_state=1), "DATA_UNBALANCED", "",
    ),
    "no rows (differences: the process aborts)": (lambda f: f.iloc[:0], "DATA_EMPTY", "no rows"),
    "text in a number (cryptic)": (
        lambda f: f.assign(y=f["y"].astype(object).where(f.index != 5, "many")), "DATA_COLUMN_TYPE", "frame:6",
    ),
    "numbers as text, one of them none (cryptic)": (
        lambda f: f.assign(y=f["y"].astype(str).where(f.index != 5, "many")), "DATA_NOT_A_NUMBER", "'many'",
    ),
    "a column that is not there (cryptic)": (lambda f: f.drop(columns="y"), "DATA_MISSING_COLUMN", "y"),
    "missing outcomes without a rule (four answers)": (
        lambda f: f.assign(y=f["y"].where(f.index % 20 != 3)), "DATA_MISSING_VALUE", "",
    ),
    "never coded in two ways": (
        lambda f: f.assign(g=f["g"].astype(float).where(f["unit"] < 800, np.nan)), "DATA_MIXED_NEVER", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("method", ["group_time", "twfe"])
def test_bad_input_is_refused_by_name_on_the_direct_road(name: str, method: str, frame: pd.DataFrame) -> None:
    """Seen elsewhere on variants of the minimum-wage data; the plan road reads them in tests/attack."""
    change, code, words = BAD[name]
    with pytest.raises(EvaltoolError) as caught:
        getattr(ev.did, method)(change(frame), **NAMES)
    assert code in caught.value.codes
    assert words in str(caught.value)


@pytest.mark.parametrize("coding", [np.nan, np.inf, None, 9999])
def test_every_single_coding_of_never_is_accepted(coding: float | None, frame: pd.DataFrame) -> None:
    """1,545 rows dropped without a word where never was NaN (csdid, moderndid)."""
    other = frame.assign(g=[coding if g == 0 else g for g in frame["g"]])
    assert ev.did.group_time(other, **NAMES).att == ev.did.group_time(frame, **NAMES).att


def test_one_treated_unit_has_no_analytic_error(frame: pd.DataFrame) -> None:
    """0.087 with a standard error of 0.009 and no warning."""
    one = frame[(frame["g"] == 0) | (frame["unit"] == 105)]
    found = ev.did.group_time(one, **NAMES)
    assert (found.se, found.absent) == (None, "TOO_FEW_CLUSTERS")
    assert "few_treated_clusters" in found.notes


def test_entity_effects_nested_in_clusters_do_not_count_as_parameters(frame: pd.DataFrame) -> None:
    """PanelOLS counts them: errors 5 to 12 per cent larger. Here K counts the periods and the coefficient."""
    found = ev.did.twfe(frame, **NAMES, cluster="town")
    assert found.conventions["parameters"] == 1 + 4
    assert found.conventions["k_fixef"] == "nonnested"
