"""The donor audit: hull by linear programming, periods beyond donors, concentration, exclusions with reasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matched_worlds import built, panel_of
from pydantic import ValidationError

from evaltool.designs.donors.pool import PLUGIN, Exclusion, PoolOptions
from evaltool.numerics.hull import reach_of
from evaltool.numerics.ridge_control import augmented_weights
from evaltool.numerics.simplex import simplex_least_squares


def test_inside_by_hand() -> None:
    """Half of each of two donors."""
    donors = np.array([[1.0, 3.0], [4.0, 0.0]])
    found = reach_of(donors, np.array([2.0, 2.0]))
    assert found.inside
    assert (found.distance, found.beyond) == (pytest.approx(0.0, abs=1e-12), 0)


def test_outside_by_hand() -> None:
    """Donors 1 and 3, and 4 and 0; the series 5 and 2 is 2 beyond the larger: w on the second is 1 at distance 2."""
    found = reach_of(np.array([[1.0, 3.0], [4.0, 0.0]]), np.array([5.0, 2.0]))
    w = np.linspace(0.0, 1.0, 100_001)
    errors = np.maximum(np.abs(1.0 * (1 - w) + 3.0 * w - 5.0), np.abs(4.0 * (1 - w) - 2.0))
    assert found.distance == pytest.approx(errors.min(), abs=1e-4)
    assert not found.inside
    assert found.beyond == 1


@pytest.mark.parametrize("seed", range(20))
def test_value_and_bound_meet_and_agree_with_the_least_squares_fit(seed: int) -> None:
    r = np.random.default_rng(seed)
    donors = 50.0 * r.normal(size=(6, 9))
    y = donors @ r.dirichlet(np.ones(9)) if seed % 2 else 100.0 * r.normal(size=6)
    found = reach_of(donors, y)
    assert found.distance == pytest.approx(found.bound, abs=1e-8)
    c = donors - y[:, None]
    rmspe = np.sqrt(np.mean((c @ simplex_least_squares(c).weights) ** 2))
    assert found.inside == (rmspe < 1e-6)
    assert rmspe <= found.distance + 1e-9


def pool(**options: object) -> tuple[object, list[tuple[str, int]]]:
    frame = pd.DataFrame(
        [
            {"unit": u, "period": t, "first_treated": 3.0 if u == "T" else np.inf, "weight": 1.0, "y.y": float(t)}
            for u in ("T", "A", "B", "C", "D")
            for t in range(5)
        ]
    )
    design = built(PLUGIN, PoolOptions(**options), panel_of(frame))  # type: ignore[arg-type]
    return design, [(entry.detail or "", entry.count) for entry in design.ledger.entries]


def test_exclusions_stand_in_the_ledger_with_their_reasons() -> None:
    named = (Exclusion(unit="A", reason="a neighbour"), Exclusion(unit="B", reason="a reform of its own"))
    _, entries = pool(exclusions=named)
    assert entries == [("a neighbour", 1), ("a reform of its own", 1)]
    _, plain = pool(exclude=("A",))
    assert plain == [("left out of the donor pool by the plan", 1)]


def test_nobody_is_excluded_twice_or_named_and_excluded() -> None:
    with pytest.raises(ValidationError, match="excluded twice: A"):
        PoolOptions(exclude=("A",), exclusions=(Exclusion(unit="A", reason="x"),))
    with pytest.raises(ValidationError, match="named as donor and excluded: A"):
        PoolOptions(donors=("A",), exclusions=(Exclusion(unit="A", reason="x"),))


def test_one_decomposition_gives_every_penalty() -> None:
    """The chosen penalty has, within one standard error, the smallest leave-one-period-out error of the grid."""
    r = np.random.default_rng(3)
    donors, y = r.normal(size=(8, 5)).cumsum(axis=0), r.normal(size=8).cumsum()
    chosen = augmented_weights(donors, y, None)
    assert chosen.weights == pytest.approx(augmented_weights(donors, y, chosen.penalty).weights)

    def errors(penalty: float) -> np.ndarray:
        left = [np.delete(np.arange(8), out) for out in range(8)]
        fits = [augmented_weights(donors[stay], y[stay], penalty).weights for stay in left]
        return np.array([(y[out] - donors[out] @ w) ** 2 for out, w in enumerate(fits)])

    x = donors - donors.mean(axis=1)[:, None]
    grid = [np.linalg.norm(x, 2) ** 2 * 1e-8 ** (k / 20) for k in range(21)]
    table = np.array([errors(penalty) for penalty in grid])
    means = table.mean(axis=1)
    best = int(np.argmin(means))
    allowed = means[best] + table[best].std(ddof=1) / np.sqrt(8)
    assert chosen.penalty == pytest.approx(grid[int(np.flatnonzero(means <= allowed)[0])])
