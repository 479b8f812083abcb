"""Methods with donors beside the plain synthetic control: identities, second opinions, refusals, order of donors."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from matched_worlds import asked, built, panel_of
from pydantic import ValidationError

from evaltool import registry
from evaltool.designs.donors.pool import PLUGIN as POOL
from evaltool.designs.donors.pool import PoolOptions
from evaltool.designs.history.series import PLUGIN as HISTORY
from evaltool.designs.history.series import SeriesOptions
from evaltool.errors import RunError
from evaltool.estimators.counterfactual._layout import layout_of
from evaltool.estimators.counterfactual._series import SeriesNeeds, series_of
from evaltool.estimators.counterfactual.synthetic_control import SyntheticControlOptions
from evaltool.records.estimate import Estimate
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Inference
from evaltool.records.plugins import EstimationRequest

CASES = [
    ("augmented", {}),
    ("augmented", {"fixed_effects": True, "covariates": ("size",)}),
    ("augmented", {"penalty": Decimal(2)}),
    ("penalised", {}),
    ("penalised", {"penalty": Decimal("0.05")}),
    ("interactive_effects", {}),
    ("interactive_effects", {"factors": 1}),
    ("matrix_completion", {}),
    ("matrix_completion", {"penalty": Decimal("0.2")}),
    ("synthetic_control", {}),
    (
        "synthetic_control",
        {
            "predictors": (
                {"column": "outcome", "periods": (3, 4, 5)},
                {"column": "outcome", "periods": (10, 11)},
                {"column": "size", "periods": (1,)},
            ),
            "v": "equal",
        },
    ),
]
NEEDS = SeriesNeeds(before=3, season=None, breaks=())
NAMES = sorted({name for name, _ in CASES})


def values(seed: int = 0, units: int = 9, periods: int = 16) -> np.ndarray:
    """(periods, units) from two factors; unit 0 is treated from period 12 and gains 5."""
    r = np.random.default_rng(seed)
    paths = r.normal(size=(periods, 2)).cumsum(axis=0) @ r.uniform(0.2, 1.0, size=(2, units)) + 20
    paths += 0.2 * r.normal(size=(periods, units))
    paths[12:, 0] += 5.0
    return paths


def panel(paths: np.ndarray, names: list[str] | None = None, size: np.ndarray | None = None) -> Panel:
    periods, units = paths.shape
    names = names or [f"u{k:02d}" for k in range(units)]
    size = np.linspace(1.0, 3.0, units) ** 2 if size is None else size
    return panel_of(
        pd.DataFrame(
            {
                "unit": np.repeat(np.array(names, dtype=object), periods).tolist(),
                "period": np.tile(np.arange(periods), units),
                "first_treated": np.where(np.repeat(np.arange(units), periods) == 0, 12.0, np.inf),
                "weight": 1.0,
                "x.size": np.repeat(size, periods),
                "y.y": paths.T.reshape(-1),
            }
        )
    )


def request(
    name: str, data: Panel, level: str = "0.9", pool: PoolOptions | None = None, **options: object
) -> EstimationRequest:
    plugin = registry.estimator(f"counterfactual.{name}")
    design = built(POOL, pool or PoolOptions(), data)
    return asked(plugin.options.model_validate(options), design, data, inference=Inference(level=Decimal(level)))


def effect(name: str, data: Panel, **options: object) -> Estimate:
    return registry.estimator(f"counterfactual.{name}").estimate(request(name, data, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_method_finds_the_effect_and_its_second_opinion_agrees(name: str, options: dict[str, object]) -> None:
    plugin = registry.estimator(f"counterfactual.{name}")
    wanted = request(name, panel(values()), **options)  # type: ignore[arg-type]
    found = plugin.estimate(wanted)
    assert plugin.second_opinion is not None
    assert plugin.second_opinion(wanted).value == pytest.approx(found.att, abs=1e-8)
    assert found.att == pytest.approx(5.0, abs=1.2 if options.get("v") or options.get("penalty") else 0.8)
    assert (found.se, found.absent, found.interval) == (None, "SYNTHETIC_CONTROL", None)
    assert found.conventions["permutation_units"] == 9
    assert len(found.certificate["placebos"]) == 8  # type: ignore[arg-type]
    assert found.counterfactual == pytest.approx((found.observed or 0.0) - found.att)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_order_of_donors_changes_no_number(name: str, options: dict[str, object]) -> None:
    """Orders in which donors can be named: conventions, path and effect stay the same to the last bit."""
    paths, size = values(1), np.linspace(1.0, 3.0, 9) ** 2
    first = effect(name, panel(paths, size=size), **options)
    for seed in range(10 if name == "synthetic_control" else 3):
        order = np.concatenate([[0], 1 + np.random.default_rng(seed).permutation(8)])
        other = effect(name, panel(paths[:, order], size=size[order]), **options)
        assert other.conventions == first.conventions
        assert [e.att for e in other.path] == [e.att for e in first.path]


def test_fifty_orders_of_donors_and_rows_give_every_method_the_same_bytes() -> None:
    """What a method with donors is a function of: outcomes in canonical order. Of a series: outcomes in time."""

    def bytes_of(data: Panel) -> tuple[bytes, bytes]:
        wanted = asked(SyntheticControlOptions(), built(POOL, PoolOptions(), data), data)
        found = layout_of(wanted, 0)
        return found.y.tobytes() + found.donors.tobytes(), found.windows.before.tobytes()

    def series_bytes(data: Panel) -> bytes:
        own = data.with_frame(data.frame[data.frame["unit"].isin(["u00", "u01"])])
        options = SeriesOptions(control="u01")
        found = series_of(asked(SyntheticControlOptions(), built(HISTORY, options, own), own), NEEDS)
        assert found.control is not None
        return found.y.tobytes() + found.control.tobytes()

    paths = values(1)
    first, alone = bytes_of(panel(paths)), series_bytes(panel(paths))
    for seed in range(50):
        r = np.random.default_rng(seed)
        assert bytes_of(panel(paths[:, np.concatenate([[0], 1 + r.permutation(8)])])) == first
        shuffled = panel(paths).frame.sample(frac=1.0, random_state=seed)
        assert bytes_of(panel_of(shuffled)) == first
        assert series_bytes(panel_of(shuffled)) == alone


@pytest.mark.parametrize("name", NAMES)
def test_no_method_reads_what_the_treated_unit_did_for_its_placebos_or_fit(name: str) -> None:
    wild = values(2)
    wild[12:, 0] = np.linspace(1e4, -1e4, 4)
    first, other = effect(name, panel(values(2))), effect(name, panel(wild))
    synthetic = [p.mean for p in first.series if p.arm == "comparison"]
    assert [p.mean for p in other.series if p.arm == "comparison"] == pytest.approx(synthetic, abs=1e-7)
    for one, two in zip(first.certificate["placebos"], other.certificate["placebos"], strict=True):  # type: ignore[arg-type]
        assert two["effect"] == pytest.approx(one["effect"], abs=1e-7)  # type: ignore[index,call-overload]


@pytest.mark.parametrize("name", NAMES)
def test_shifting_and_scaling(name: str) -> None:
    first, other = effect(name, panel(values(3))), effect(name, panel(values(3) * 10.0 + 500.0))
    assert other.att == pytest.approx(10.0 * first.att, rel=1e-6)
    assert other.conventions["permutation_place"] == first.conventions["permutation_place"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("times", "plus"), [(1.0, 1e10), (2.0**300, 0.0), (2.0**-300, 0.0)])
def test_far_from_zero_and_extreme_units_are_no_other_question(name: str, times: float, plus: float) -> None:
    """An outcome in the ten thousand millions is read with six digits behind the point: the effect has five of them."""
    first = effect(name, panel(values(3)))
    other = effect(name, panel(values(3) * times + plus))
    assert other.att / times == pytest.approx(first.att, abs=1e-4)


@pytest.mark.parametrize("name", ["augmented", "interactive_effects"])
def test_a_fit_that_follows_any_treated_outcome_has_no_conformal_interval(name: str) -> None:
    """Twelve periods before: weights of any sign, or loadings, follow an effect of any size, and it is accepted."""
    with pytest.raises(RunError) as caught:
        effect(name, panel(values()), inference="conformal")
    assert caught.value.codes == ("RUN_UNBOUNDED_INTERVAL",)


@pytest.mark.parametrize("name", ["matrix_completion", "penalised", "synthetic_control"])
def test_conformal_inference_is_printed_with_the_interval_that_inverts_it(name: str) -> None:
    """A clear effect of 5 over a small error: the interval holds it and not zero, as p says."""
    found = effect(name, panel(values()), inference="conformal")
    said = found.conventions
    assert said["conformal_shifts"] == 16
    assert said["conformal_p"] <= 0.1  # type: ignore[operator]
    assert said["conformal_lower"] <= found.att <= said["conformal_upper"]  # type: ignore[operator]
    assert said["conformal_lower"] > 0.0  # type: ignore[operator]
    assert len(found.certificate["conformal_periods"]) == 4  # type: ignore[arg-type]
    with pytest.raises(RunError) as caught:
        effect(name, panel(values()), inference="conformal", level="0.95")
    assert caught.value.codes == ("RUN_LEVEL_OUT_OF_REACH",)


def test_limits_are_methods_of_their_own() -> None:
    """λ huge: augmented is the synthetic control. λ = 0: penalised is too. λ = 1 completes by two-way effects alone."""
    data = panel(values())
    control = effect("synthetic_control", data).att
    assert effect("augmented", data, penalty=Decimal(10) ** 12).att == pytest.approx(control, abs=1e-8)
    assert effect("penalised", data, penalty=Decimal(0)).att == pytest.approx(control, abs=1e-9)
    paths = values()
    own = paths[12:, 0].mean() - paths[:12, 0].mean()
    two_way = own - (paths[12:, 1:].mean() - paths[:12, 1:].mean())
    for name, options in (("matrix_completion", {"penalty": Decimal(1)}), ("interactive_effects", {"factors": 0})):
        assert effect(name, data, **options).att == pytest.approx(two_way, abs=1e-9)


def test_the_range_of_effects_over_nearly_equal_fits() -> None:
    data = panel(values(1))
    found = effect("synthetic_control", data, bound_delta=Decimal("0.05"))
    bound = found.certificate["identification_bound"]
    assert isinstance(bound, dict)
    assert bound["lower"] < found.att < bound["upper"]  # type: ignore[operator]
    assert bound["largest_rmspe"] == pytest.approx(1.05 * found.conventions["rmspe_before"])  # type: ignore[operator]


REFUSED = [
    ("augmented", {"covariates": ("sise",)}, "RUN_UNKNOWN_COVARIATE"),
    ("penalised", {"holdout": 11}, "RUN_SHORT_HISTORY"),
    ("interactive_effects", {"factors": 11}, "RUN_SHORT_HISTORY"),
    ("matrix_completion", {"folds": 13}, "RUN_SHORT_HISTORY"),
    ("synthetic_control", {"predictors": ({"column": "siz", "periods": (1,)},)}, "RUN_UNKNOWN_PREDICTOR"),
    ("synthetic_control", {"predictors": ({"column": "size", "periods": (12,)},)}, "RUN_PREDICTOR_PERIOD"),
    ("synthetic_control", {"predictors": ({"column": "size", "periods": (77,)},)}, "RUN_PREDICTOR_PERIOD"),
    (
        "synthetic_control",
        {"predictors": ({"column": "size", "periods": (1,)},), "loss_from": 12},
        "RUN_PREDICTOR_PERIOD",
    ),
    (
        "synthetic_control",
        {"predictors": ({"column": "outcome", "periods": (11,)},), "placebo_periods": 3},
        "RUN_PREDICTOR_PERIOD",
    ),
]


@pytest.mark.parametrize(("name", "options", "code"), REFUSED)
def test_what_cannot_be_computed_is_refused(name: str, options: dict[str, object], code: str) -> None:
    with pytest.raises(RunError) as caught:
        effect(name, panel(values()), **options)
    assert caught.value.codes == (code,)


def test_constant_donors_and_predictors_are_refused() -> None:
    still = values()
    still[:, 4] = 7.0
    with pytest.raises(RunError) as caught:
        effect("augmented", panel(still))
    assert caught.value.codes == ("RUN_CONSTANT_DONOR",)
    assert "u04" in str(caught.value)
    with pytest.raises(RunError) as caught:
        effect("synthetic_control", panel(values(), size=np.ones(9)), predictors=({"column": "size", "periods": (1,)},))
    assert caught.value.codes == ("RUN_PREDICTOR_CONSTANT",)


def test_a_treated_unit_is_no_donor() -> None:
    with pytest.raises(RunError) as caught:
        built(POOL, PoolOptions(donors=("u00", "u01", "u02")), panel(values()))
    assert "RUN_TREATED_DONOR" in caught.value.codes


@pytest.mark.parametrize(
    "options",
    [
        {"predictors": ({"column": "size", "periods": (1,)},), "v": "given"},
        {"predictors": ({"column": "size", "periods": (1,), "weight": Decimal(1)},)},
        {"predictors": ({"column": "size", "periods": (1,)},), "inference": "conformal"},
        {"predictors": ({"column": "size", "periods": (1,)},), "bound_delta": Decimal("0.1")},
        {"v": "equal"},
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SyntheticControlOptions.model_validate(options)


def test_given_predictor_weights_are_used_as_stated() -> None:
    """All weight on one predictor that an even mixture of two donors meets exactly."""
    size = np.array([2.0, 1.0, 3.0, *np.linspace(50.0, 90.0, 6)])
    both = (
        {"column": "size", "periods": (1,), "weight": Decimal(1)},
        {"column": "outcome", "periods": (2,), "weight": Decimal(0)},
    )
    found = effect("synthetic_control", panel(values(), size=size), predictors=both, v="given")
    table = found.certificate["predictors"]
    assert isinstance(table, list)
    assert table[0]["synthetic"] == pytest.approx(2.0)  # type: ignore[call-overload,index]
    assert [row["v"] for row in table] == [1.0, 0.0]  # type: ignore[call-overload,index]
