"""Cross-fitted outcome models: parts from ids, means from what each part's units had no share in, and both again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.estimators.weighted._learners import Taught, fit_with
from evaltool.estimators.weighted._modelled import Conventions
from evaltool.estimators.weighted._models_again import FAMILIES
from evaltool.numerics.cross_fit import Fit, Predictor, augmented_means, held_out, own_model, parts_of
from evaltool.numerics.outcome_model import Means, Problem
from evaltool.records.panel import FloatArray, IntArray
from evaltool.records.plugins import EstimationRequest

FEWEST = 2
"""Units of a group in a part."""


@dataclass(frozen=True, slots=True, eq=False)
class CrossFit:
    """Into how many parts the units are divided, by which seed, and who learns; None: the generalised linear model."""

    ids: tuple[int | str, ...]
    folds: int
    seed: int
    taught: Taught | None

    def means(self, problem: Problem) -> Means:
        """Both means. Raises RunError."""
        return augmented_means(problem, self.predicted(problem, self.fit(problem)))

    def fit(self, problem: Problem) -> Fit:
        """How a model is fitted. Raises RunError."""
        if self.taught is None:
            return own_model(problem)
        return fit_with(self.taught, binary=problem.family == "logit", seed=self.seed)

    def predicted(self, problem: Problem, fit: Fit) -> FloatArray:
        """(n, 2) predictions. Raises RunError."""
        return held_out(problem.x.matrix[:, 1:], problem.y, problem.treated, self.parts(problem), fit)

    def parts(self, problem: Problem) -> IntArray:
        """(n,) parts. Raises RunError (RUN_FEW_FOR_FOLDS)."""
        least = int(min(np.sum(problem.treated), np.sum(~problem.treated)))
        if least < FEWEST * self.folds:
            raise RunError(
                Fault(
                    code="RUN_FEW_FOR_FOLDS",
                    cause=f"The smaller group has {least} units, too few for {self.folds} parts of at least {FEWEST}.",
                    fix="Use fewer folds, or no cross-fitting.",
                    place=Place(key="estimator.options.folds"),
                )
            )
        return parts_of(self.ids, problem.treated, self.folds, self.seed)

    def again(self, problem: Problem) -> tuple[float, str]:
        """The difference of both means from models fitted again, part by part, and how; statsmodels' where it can."""
        fit, how = (
            (_glm(problem), "statsmodels.GLM without each part")
            if self.taught is None
            else (self.fit(problem), "the learner fitted again")
        )
        found, parts = self.predicted(problem, fit), self.parts(problem)
        total = 0.0
        for part in range(self.folds):
            own = parts == part
            gap = found[own] - problem.y[own][:, None]
            total += float(problem.population[own] @ (found[own, 0] - found[own, 1]))
            total -= float(problem.weights[own] @ np.where(problem.treated[own], gap[:, 0], -gap[:, 1]))
        return total / float(np.sum(problem.population)), how

    def conventions(self) -> Conventions:
        """What was chosen."""
        learner = "generalised linear model" if self.taught is None else self.taught.name
        return {"folds": self.folds, "learner": learner, "seed": self.seed}


def crossed(request: EstimationRequest, folds: int, taught: Taught | None) -> CrossFit:
    """The division of the design's units."""
    weights = request.design.weights
    inside = [] if weights is None else weights.loc[weights["weight"] > 0.0, "unit"].tolist()
    return CrossFit(tuple(inside), folds, request.inference.seed, taught)


def _glm(problem: Problem) -> Fit:
    """The generalised linear model of statsmodels."""
    import statsmodels.api as sm  # noqa: PLC0415 - loaded only when a second opinion is asked for

    family = getattr(sm.families, FAMILIES[problem.family])

    def fit(x: FloatArray, y: FloatArray) -> Predictor:
        scale = np.maximum(np.max(np.abs(x), axis=0), np.finfo(np.float64).tiny)
        rows = sm.add_constant(x / scale, has_constant="add")
        fitted = sm.GLM(y, rows, family=family()).fit(tol=1e-14, maxiter=300)
        return lambda more: np.asarray(fitted.predict(sm.add_constant(more / scale, has_constant="add")), dtype=float)

    return fit
