"""``ev.did.cluster_tests``: the same number under every method, each against its own arithmetic or another program."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from direct_frames import KINDS

import evaltool as ev
from evaltool.errors import RunError, UsageError
from evaltool.numerics.few_treated import Placebos, few_treated_test

NAMES = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}


def world(clusters: int = 14, treated: int = 5, seed: int = 1) -> pd.DataFrame:
    """Clusters of 3 to 9 units, periods 1 to 4, start in 3, unequal weights."""
    r = np.random.default_rng(seed)
    rows = []
    for c in range(clusters):
        shock = r.normal()
        for u in range(int(r.integers(3, 10))):
            level, weight = r.normal(), float(r.integers(1, 6))
            rows += [
                {
                    "unit": f"u{c:02d}-{u}",
                    "town": f"t{c:02d}",
                    "time": t,
                    "start": 3 if c < treated else 0,
                    "w": weight,
                    "y": level + (t > 2) * shock + 0.3 * r.normal() + 2.0 * (t > 2 and c < treated),
                }
                for t in range(1, 5)
            ]
    return pd.DataFrame(rows)


def changes(frame: pd.DataFrame) -> pd.DataFrame:
    wide = frame.pivot_table(index=["unit", "town", "start", "w"], columns="time", values="y").reset_index()
    return wide.assign(change=(wide[3] + wide[4]) / 2 - wide[2], d=(wide["start"] > 0).astype(float))


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return ev.did.cluster_tests(world(), **NAMES, cluster="town", weights="w").set_index("method")


def test_every_method_has_its_row(found: pd.DataFrame) -> None:
    assert [name.split(",")[0].split(" (")[0] for name in found.index] == [
        "CR1",
        "CR2",
        "CR2",
        "CR3",
        "wild cluster bootstrap",
        "randomisation of clusters",
        "Conley-Taber",
        "Ferman-Pinto",
    ]
    assert list(found.columns) == ["effect", "se", "df", "p_value", "lower", "upper", "note"]


def test_effect_and_cr1_are_those_of_statsmodels(found: pd.DataFrame) -> None:
    table = changes(world())
    groups = pd.factorize(table["town"])[0]
    fit = smf.wls("change ~ d", table, weights=table["w"]).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )
    row = found.iloc[0]
    assert (row["effect"], row["se"]) == pytest.approx((fit.params["d"], fit.bse["d"]), rel=1e-10)
    assert row["df"] == 13.0
    assert (row["lower"], row["upper"]) == pytest.approx(tuple(fit.conf_int().loc["d"]), rel=1e-9)
    for name in found.index[:6]:
        assert found.loc[name, "effect"] == pytest.approx(fit.params["d"], rel=1e-10)


def test_cluster_means_go_to_conley_taber(found: pd.DataFrame) -> None:
    table = changes(world())
    sums = table.assign(s=table["w"] * table["change"]).groupby("town")
    means, arm = sums["s"].sum() / sums["w"].sum(), sums["d"].first() == 1.0
    for name, sizes in (("Conley-Taber", None), ("Ferman-Pinto", sums["w"].sum().to_numpy(float))):
        expected = few_treated_test(means.to_numpy(), arm.to_numpy(), sizes, Placebos(seed=1), level=0.95)
        row = found.loc[name]
        assert (row["effect"], row["p_value"]) == pytest.approx((expected.effect, expected.p_value), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_any_frame_in_any_order_gives_the_same_bits(kind: str) -> None:
    frame = world()
    first = ev.did.cluster_tests(frame, **NAMES, cluster="town", weights="w")
    shuffled = frame.sample(frac=1.0, random_state=3)
    other = ev.did.cluster_tests(KINDS[kind](shuffled), **NAMES, cluster="town", weights="w")
    assert other.equals(first)
    assert other.attrs == first.attrs


def test_intervals_and_p_values_agree(found: pd.DataFrame) -> None:
    rows = found[found["p_value"].notna()]
    outside = (rows["lower"] > 0) | (rows["upper"] < 0)
    assert outside.tolist() == (rows["p_value"] <= 0.05).tolist()


def test_the_design_stands_beside_the_numbers() -> None:
    shown = ev.did.cluster_tests(world(), **NAMES, cluster="town").attrs
    assert (shown["clusters"], shown["treated_clusters"], shown["comparison_clusters"]) == (14, 5, 9)
    assert 1.0 < shown["effective_clusters"] <= 14.0
    assert 0.2 <= shown["largest_share"] < 1.0


def test_one_treated_cluster_leaves_only_what_can_be_said() -> None:
    found = ev.did.cluster_tests(world(treated=1), **NAMES, cluster="town").set_index("method")
    absent = found.index[found["p_value"].isna()]
    assert sorted(name[:3] for name in absent) == ["CR2", "CR2", "CR3"]
    assert all(found.loc[name, "note"] for name in absent)
    assert "difference statistic, all 14 enumerated" in found.loc["randomisation of clusters", "note"]
    assert math.isinf(found.loc["randomisation of clusters", "lower"])  # 1/14 is above 5 %
    assert found.loc["Conley-Taber", "p_value"] >= 1 / 14


def test_clusters_treated_in_part_and_few_to_compare_with() -> None:
    mixed = world()
    mixed.loc[mixed["unit"] == "u00-0", "start"] = 0
    found = ev.did.cluster_tests(mixed, **NAMES, cluster="town").set_index("method")
    assert found.loc["Conley-Taber", "note"] == "some clusters are treated in part"
    assert pd.notna(found.iloc[0]["p_value"])
    two = ev.did.cluster_tests(world(clusters=6, treated=4), **NAMES, cluster="town").set_index("method")
    assert two.loc["Ferman-Pinto", "note"] == "fewer than 3 comparison clusters"


def test_units_are_the_clusters_unless_stated_and_always_treated_are_not_read() -> None:
    frame = world()
    found = ev.did.cluster_tests(frame, **NAMES)
    assert found.attrs["clusters"] == frame["unit"].nunique()
    late = frame.copy()
    late.loc[late["town"] == "t00", "start"] = 1
    late.loc[late["town"] == "t00", "y"] = 1e9
    kept = ev.did.cluster_tests(frame[frame["town"] != "t00"], **NAMES, cluster="town")
    shown = ev.did.cluster_tests(late, **NAMES, cluster="town")
    assert shown.equals(kept)
    assert shown.attrs["units_always_treated_left_out"] == frame.loc[frame["town"] == "t00", "unit"].nunique()


def test_an_outcome_that_does_not_vary_has_no_test() -> None:
    flat = world()
    flat["y"] = (flat["start"] == 3) * (flat["time"] > 2) * 1.0
    found = ev.did.cluster_tests(flat, **NAMES, cluster="town")
    assert found.loc[found["method"] != "randomisation of clusters", "p_value"].isna().all()


@pytest.mark.parametrize("options", [{"seed": -1}, {"seed": 1.5}, {"level": 0.05}, {"level": 95}, {"cluster": 3}])
def test_arguments_that_cannot_be_meant(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        ev.did.cluster_tests(world(), **NAMES, **options)
    assert caught.value.codes == ("USAGE_BAD_ARGUMENT",)


def test_several_starts_are_refused() -> None:
    frame = world()
    frame.loc[frame["town"] == "t00", "start"] = 4
    with pytest.raises(RunError, match="3, 4") as caught:
        ev.did.cluster_tests(frame, **NAMES)
    assert caught.value.codes == ("RUN_SEVERAL_STARTS",)
