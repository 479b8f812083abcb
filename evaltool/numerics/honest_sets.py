"""What deviations from parallel trends are allowed for: relative magnitudes and smoothness, as moment inequalities.

The event study is β = δ + τ, with τ = 0 before the start and δ_0 = 0 in the base period (Rambachan & Roth 2023, section
2). Periods are equally spaced. For a post period t the restrictions are

    relative magnitudes M   |δ_t − δ_(t−1)| ≤ M · max over earlier s of |δ_s − δ_(s−1)|       (their Δ^RM)
    smoothness M            |(δ_(t+1) − δ_t) − (δ_t − δ_(t−1))| ≤ M                            (their Δ^SD)

Relative magnitudes are a union over the earlier period s and the sign of its change; each member is a polyhedron. Only
the moments that hold a post period are used, as R HonestDiD does.

A member says: for some τ with l'τ = θ, ±D(β_post − τ) + (terms of β_pre) ≤ d, D square and invertible. The multipliers
γ of the linear program that profiles τ out are therefore known in closed form: with h = D⁻ᵀl, any γ ≥ 0 orthogonal to
the nuisance is a combination of (h⁺, h⁻), (h⁻, h⁺) and the pairs e_t⁺ + e_t⁻. No program is solved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evaltool.numerics.inference import Floats

NO_VARIANCE = 1e-14
"""A moment whose standard deviation is below this share of the largest has none."""


@dataclass(frozen=True, slots=True, eq=False)
class EventStudy:
    """Coefficients (k,) in order of time without the base period, covariance (k, k), and what is asked about.

    The first ``before`` coefficients are of periods before the base. ``weights`` (k − before,): the target is l'τ.
    """

    coefficients: Floats
    covariance: Floats
    before: int
    weights: Floats

    def __post_init__(self) -> None:
        """Raise ValueError for shapes that do not fit, no period on either side, or weights that are all zero."""
        k = self.coefficients.shape[0]
        after = self.weights.shape[0]
        if self.covariance.shape != (k, k) or self.before + after != k or min(self.before, after) < 1:
            message = "coefficients, covariance, periods before and weights do not fit together"
            raise ValueError(message)
        if not bool(np.any(self.weights != 0.0)):
            message = "the target has no weight on any period"
            raise ValueError(message)

    @property
    def estimate(self) -> float:
        """l'β: the effect if trends are exactly parallel."""
        return float(self.weights @ self.coefficients[self.before :])

    @property
    def se(self) -> float:
        """Its standard error."""
        return math.sqrt(float(self.weights @ self.covariance[self.before :, self.before :] @ self.weights))


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """The multipliers of one polyhedron, applied: statistics are ``at_zero + slope · θ``, (v,) each.

    ``loadings`` (v, k) on the coefficients. Statistics are on the scale of standard deviations; under the null all of
    their means are at most 0 for the best τ.
    """

    at_zero: Floats
    slope: Floats
    loadings: Floats

    def covariance(self, study: EventStudy) -> Floats:
        """(v, v) covariance of the statistics."""
        return self.loadings @ study.covariance @ self.loadings.T


def relative_magnitudes(study: EventStudy, bound: float) -> Iterator[Moments]:
    """One member per earlier change and sign, in order of time."""
    before, after = study.before, study.weights.shape[0]
    changes = np.diff(np.eye(before), axis=0) if before > 1 else np.zeros((0, before))
    changes = np.vstack([changes, -np.eye(before)[-1]])  # the last change is 0 − δ_(−1)
    step = np.eye(after) - np.eye(after, k=-1)
    for change in changes:
        for sign in (1.0, -1.0):
            earlier = np.tile(-bound * sign * change, (after, 1))
            up = np.hstack([earlier, step])
            down = np.hstack([earlier, -step])
            yield _moments(study, up, down, 0.0)


def smoothness(study: EventStudy, bound: float) -> Iterator[Moments]:
    """The single member of the smoothness restriction."""
    before, after = study.before, study.weights.shape[0]
    bend = np.eye(after) - 2.0 * np.eye(after, k=-1) + np.eye(after, k=-2)
    earlier = np.zeros((after, before))
    earlier[0, -1] = 1.0  # δ_1 − 2δ_0 + δ_(−1), with δ_0 = 0
    yield _moments(study, np.hstack([earlier, bend]), -np.hstack([earlier, bend]), bound)


def straight(study: EventStudy) -> float:
    """The effect if the last change before the base goes on as a straight line: the middle of the smoothness set."""
    after = study.weights.shape[0]
    slope = -float(study.coefficients[study.before - 1])
    return study.estimate - slope * float(np.arange(1, after + 1) @ study.weights)


def reach(study: EventStudy) -> float:
    """Σ|h|: how far a bend of one in every post period moves the target."""
    after = study.weights.shape[0]
    step = np.eye(after) - np.eye(after, k=-1)
    return float(np.sum(np.abs(np.linalg.solve((step @ step).T, study.weights))))


def largest_change(study: EventStudy) -> float:
    """The largest change between two periods up to the base, as estimated."""
    early = np.concatenate([study.coefficients[: study.before], [0.0]])
    return float(np.max(np.abs(np.diff(early))))


def magnitude_reach(study: EventStudy) -> float:
    """Σ|h|: how far a change of one in every post period moves the target."""
    return float(np.sum(np.abs(np.cumsum(study.weights[::-1]))))


def _moments(study: EventStudy, up: Floats, down: Floats, limit: float) -> Moments:
    """Multipliers of ``up``·δ ≤ limit and ``down``·δ ≤ limit, (after, k) each, scaled to unit weighted sum."""
    after = study.weights.shape[0]
    h = np.linalg.solve(up[:, study.before :].T, study.weights)
    positive, negative = np.maximum(h, 0.0), np.maximum(-h, 0.0)
    raw = np.vstack(
        [np.concatenate([positive, negative]), np.concatenate([negative, positive]), np.tile(np.eye(after), (1, 2))]
    )
    rows = np.vstack([up, down])
    deviation = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, study.covariance, rows), 0.0))
    size = raw @ deviation
    used = size > NO_VARIANCE * float(np.max(size))
    raw = raw[used] / size[used][:, None]
    slope = np.zeros(after + 2)
    slope[:2] = (-1.0, 1.0)
    loadings = raw @ rows
    return Moments(
        at_zero=loadings @ study.coefficients - limit * raw.sum(axis=1),
        slope=slope[used] / size[used],
        loadings=loadings,
    )
