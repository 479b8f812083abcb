"""did.extended_twfe: identities with other methods, what is refused, the direct road."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pytest
from estimator_world import Ask, again, estimate, sim_stagg, staggered

import evaltool as ev
from evaltool.errors import RunError
from evaltool.reading.frames import FrameRoles, panel_from_frame

NAME = "did.extended_twfe"
KINDS = ("simple", "dynamic", "group", "calendar")


@pytest.mark.parametrize("kind", KINDS)
def test_with_leads_and_never_treated_it_is_group_time(kind: str) -> None:
    panel = staggered(sim_stagg())
    found = estimate(panel, Ask(NAME, {"control_group": "never_treated"}, aggregation=kind))  # type: ignore[arg-type]
    plain = estimate(panel, Ask("did.group_time", {"control_group": "never_treated"}, aggregation=kind))  # type: ignore[arg-type]
    assert found.att == pytest.approx(plain.att, abs=1e-11)
    assert [c.att for c in found.cells] == pytest.approx([c.att for c in plain.cells], abs=1e-11)
    assert [e.att for e in found.path] == pytest.approx([e.att for e in plain.path], abs=1e-11)


@pytest.mark.parametrize("effects", ["cohort", "unit"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("never", [True, False])
def test_with_not_yet_treated_it_is_imputation(kind: str, effects: str, *, never: bool) -> None:
    """Wooldridge 2021, section 6: pooled least squares on cells imputes from the untreated rows."""
    frame = sim_stagg()
    panel = staggered(frame if never else frame[frame["g"] > 0])
    found = estimate(panel, Ask(NAME, {"effects": effects}, aggregation=kind))  # type: ignore[arg-type]
    imputed = estimate(panel, Ask("did.imputation", aggregation=kind))  # type: ignore[arg-type]
    assert found.att == pytest.approx(imputed.att, abs=1e-11)
    assert {(c.group, c.element): c.att for c in found.cells} == {
        (c.group, c.element): pytest.approx(c.att, abs=1e-11) for c in imputed.cells
    }


def test_a_poisson_effect_of_a_factor_is_found_exactly() -> None:
    """Means 2·1.5^t times 1.2 when treated, without noise: the effect is 0.2/1.2 of what was seen."""
    frame = sim_stagg()
    y = 2.0 * 1.5 ** frame["time"] * (1.0 + 0.2 * frame["treat"])
    found = estimate(staggered(frame.assign(y=y)), Ask(NAME, {"family": "poisson"}, scale="relative"))
    assert found.att == pytest.approx(0.2 / 1.2 * float(y[frame["treat"] == 1].mean()), rel=1e-10)
    assert found.relative is not None
    assert found.relative.value == pytest.approx(0.2, rel=1e-10)
    assert found.absent == "NO_VARIATION"


@pytest.mark.parametrize("effects", ["cohort", "unit"])
def test_gaps_by_declared_rule(effects: str) -> None:
    frame = sim_stagg()
    kept = frame[~((frame["unit"] % 5 == 0) & (frame["time"] % 4 == 2))]
    panel = panel_from_frame(kept, FrameRoles(unit="unit", time="time", outcome="y", first_treated="g", balance="keep"))
    ask = Ask(NAME, {"effects": effects})
    found = estimate(panel, ask)
    assert found.se is not None
    assert abs(again(panel, ask).value - found.att) <= 1e-9 * max(abs(found.att), found.se)


def varying(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(x=frame["x"] * frame["time"])


def binary(frame: pd.DataFrame) -> pd.DataFrame:
    """Everybody of the cohort that starts in 4 has outcome 1 from period 6 on: that cell has no maximum."""
    ones = (frame["g"] == 4) & (frame["time"] >= 6)
    return frame.assign(y=((frame["y"] > 0) | ones).astype(float))


@pytest.mark.parametrize(
    ("options", "change", "codes"),
    [
        ({"covariates": ["x"]}, varying, ("RUN_COVARIATE_VARIES",)),
        ({"family": "poisson"}, None, ("RUN_OUTCOME_RANGE",)),
        ({"family": "logit"}, None, ("RUN_OUTCOME_RANGE",)),
        ({"family": "logit"}, binary, ("RUN_SEPARATION",)),
        ({"family": "logit", "effects": "unit", "se": "hc1"}, None, ("RUN_NOT_OFFERED", "RUN_NOT_OFFERED")),
    ],
)
def test_refusals(options: Mapping[str, object], change: object, codes: tuple[str, ...]) -> None:
    frame = sim_stagg()
    panel = staggered(change(frame) if callable(change) else frame, covariates=("x",))
    with pytest.raises(RunError) as caught:
        estimate(panel, Ask(NAME, options))
    assert caught.value.codes == codes


def test_the_direct_road_is_the_plans() -> None:
    frame = sim_stagg()
    direct = ev.did.extended_twfe(
        frame, outcome="y", unit="unit", time="time", first_treated="g", covariates=["x"], control_group="never_treated"
    )
    options = {"covariates": ["x"], "control_group": "never_treated"}
    planned = estimate(staggered(frame, covariates=("x",)), Ask(NAME, options))
    assert (direct.att, direct.se) == (planned.att, planned.se)
    assert direct.aggregate("calendar").estimand == "ATT (calendar)"
