"""Least squares with unit and period effects (or any effects partialled out before): coefficients and covariances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.distinct import distinct
from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.regression import RANK_TOLERANCE
from evaltool.numerics.small_sample import (
    Sizes,
    SmallSample,
    Variance,
    cluster_covariance,
    degrees_of_freedom,
    nested_in,
    parameters,
    two_way_covariance,
    variance_factor,
)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Regressors: (n, k) as they are and with effects partialled out, and their names for messages."""

    matrix: Floats
    partialled: Floats
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Coefficients (k,), bread (X̃'WX̃)⁻¹ (k, k), residuals (n,) and weights (n,)."""

    coefficients: Floats
    bread: Floats
    design: Floats
    residual: Floats
    weights: Floats

    def influence(self, contrast: Floats) -> Floats:
        """(n,) each row's contribution to ``contrast`` (k,) of the coefficients."""
        return (self.design @ (self.bread @ contrast)) * self.weights * self.residual

    @property
    def scores(self) -> Floats:
        """(n, k) each row's contribution to each coefficient."""
        return (self.design @ self.bread) * (self.weights * self.residual)[:, None]


def least_squares(columns: Columns, outcome: Floats, weights: Floats) -> Fit:
    """Minimise Σ w (ỹ − X̃b)² by QR on columns of unit length; ``outcome`` (n,) with effects partialled out.

    Raises RunError (RUN_COLLINEAR) naming the columns that effects and earlier columns explain.
    """
    x = columns.partialled
    root = np.sqrt(weights)
    scaled = x * root[:, None]
    length = np.sqrt(np.einsum("ij,ij->j", scaled, scaled))
    whole = np.sqrt(np.einsum("ij,ij->j", columns.matrix * root[:, None], columns.matrix * root[:, None]))
    gone = length <= RANK_TOLERANCE * whole
    q, r = np.linalg.qr(scaled / np.where(gone, 1.0, length))
    gone |= np.abs(np.diag(r)) <= RANK_TOLERANCE
    if bool(np.any(gone)):
        raise collinear([name for name, bad in zip(columns.names, gone, strict=True) if bad])
    coefficients = linalg.solve_triangular(r, q.T @ (outcome * root)) / length
    inverse = linalg.solve_triangular(r, np.eye(r.shape[0]))
    bread = (inverse @ inverse.T) / np.outer(length, length)
    return Fit(coefficients, bread, x, outcome - x @ coefficients, weights)


def collinear(names: Sequence[str]) -> RunError:
    """The refusal of columns that the effects or the other columns explain."""
    return RunError(
        [
            Fault(
                code="RUN_COLLINEAR",
                cause=f"'{name}' is explained by the unit and period effects and the other terms.",
                fix="Leave it out; what is constant within units, or changes alike for all, is already adjusted for.",
                place=Place(key="estimator.options", column=name),
            )
            for name in names
        ]
    )


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """How a covariance is made. ``codes`` (n,) for ``cluster`` and ``two_way``; ``second`` (n,) for ``two_way``.

    ``effects``: the codes (n,) of each effect partialled out, and their joint rank.
    """

    variance: Variance
    codes: Ints
    second: Ints
    effects: tuple[Ints, ...]
    rank: int

    @property
    def groups(self) -> int | None:
        """Number of clusters (the smaller of two), None without."""
        if self.variance in {"hc1", "iid"}:
            return None
        first = int(distinct(self.codes).shape[0])
        return min(first, int(distinct(self.second).shape[0])) if self.variance == "two_way" else first


@dataclass(frozen=True, slots=True, eq=False)
class Covariance:
    """(k, k) covariance of the coefficients, the factor in it, K, degrees of freedom and clusters."""

    matrix: Floats
    factor: float
    parameters: int
    df: float | None
    groups: int | None


def covariance_of(fit: Fit, clustering: Clustering, choice: SmallSample) -> Covariance:
    """The covariance by the clustering and small-sample choices."""
    rows, slopes = fit.design.shape
    kinds = [clustering.codes] if clustering.variance == "cluster" else [clustering.codes, clustering.second]
    kinds = [] if clustering.variance in {"hc1", "iid"} else kinds
    sizes = Sizes(
        rows=rows,
        slopes=slopes,
        levels=tuple(int(distinct(codes).shape[0]) for codes in clustering.effects),
        nested=tuple(any(nested_in(codes, kind) for kind in kinds) for codes in clustering.effects),
        rank=clustering.rank,
    )
    factor = variance_factor(sizes, choice, clustering.variance, clustering.groups)
    if clustering.variance == "iid":
        matrix = fit.bread * float(fit.weights @ fit.residual**2) / rows
    elif clustering.variance == "two_way":
        matrix = two_way_covariance(fit.scores, clustering.codes, clustering.second)
    else:
        codes = clustering.codes if clustering.variance == "cluster" else None
        matrix = cluster_covariance(fit.scores, codes)
    return Covariance(
        matrix=matrix * factor,
        factor=factor,
        parameters=parameters(sizes, choice, clustering.variance),
        df=degrees_of_freedom(sizes, choice, clustering.variance, clustering.groups),
        groups=clustering.groups,
    )
