"""How far the difference of two modelled means can move when tied units take each other's places."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evaltool.numerics.inference import Floats, Ints
from evaltool.numerics.matching_ties import Tied
from evaltool.numerics.outcome_model import Arm, Bools, Problem, arm_means


@dataclass(frozen=True, slots=True, eq=False)
class ModelTies:
    """The effect, and its derivative, as functions of the weights of the groups that move.

    ``whole`` holds all submitted units: outcomes, regressors and treatment are theirs, weights those of the design.
    ``target`` (n,) is who the effect is averaged over, as far as they have weight.
    """

    whole: Problem
    target: Bools
    moving: list[Ints]

    def _arms(self, weights: list[Floats]) -> tuple[Bools, Problem, list[Arm]]:
        """Who takes part under these weights, the problem on them, and both means."""
        every = self.whole.weights.copy()
        for part, own in zip(self.moving, weights, strict=True):
            every[part] = own
        inside = every > 0.0
        x = replace(self.whole.x, matrix=self.whole.x.matrix[inside])
        problem = replace(
            self.whole,
            x=x,
            y=self.whole.y[inside],
            treated=self.whole.treated[inside],
            weights=every[inside],
            population=self.target[inside].astype(np.float64),
        )
        return inside, problem, [arm_means(problem, arm) for arm in (problem.treated, ~problem.treated)]

    def effect(self, weights: list[Floats]) -> float:
        """Mean with treatment less mean without. Raises RunError."""
        one, two = self._arms(weights)[2]
        return one.value - two.value

    def slopes(self, weights: list[Floats]) -> list[Floats]:
        """Derivative of the effect in every moving weight: through the own group's model, and through the target."""
        inside, problem, arms = self._arms(weights)
        n, total = float(np.sum(inside)), float(np.sum(problem.population))
        x, found = self.whole.x.matrix, np.zeros(self.whole.y.shape[0])
        for arm, sign, own in zip(arms, (1.0, -1.0), (self.whole.treated, ~self.whole.treated), strict=True):
            mean = arm.predict(x)
            found += sign * own * (self.whole.y - mean) * (x @ arm.carried) / n
            found += sign * self.target * (mean - arm.value) / total
        return [found[part] for part in self.moving]


def moving_of(whole: Problem, groups: Ints) -> tuple[Tied, list[Ints]]:
    """The tie groups whose weights differ."""
    tied = Tied(whole.y, whole.treated.astype(np.float64), whole.weights, groups)
    return tied, tied.moving()
