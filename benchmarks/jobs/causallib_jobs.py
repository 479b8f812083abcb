"""causallib: matching on a logistic score, and inverse probabilities of one."""

from __future__ import annotations

import pandas as pd
from causallib.estimation import IPW, Matching
from causallib.preprocessing.transformers import PropensityTransformer
from sklearn.linear_model import LogisticRegression

NAMES = [f"x{k}" for k in range(1, 6)]


def nearest(frame: pd.DataFrame, *, replace: bool) -> float:
    score = PropensityTransformer(include_covariates=False, learner=LogisticRegression(C=1e6))
    matching = Matching(
        propensity_transform=score, caliper=0.05, with_replacement=replace, matching_mode="control_to_treatment"
    )
    x, a, y = frame[NAMES], frame["treat"], frame["y"]
    matching.fit(x, a, y)
    return float(len(matching.match(x, a)))


def propensity(frame: pd.DataFrame) -> float:
    x, a = frame[[f"x{k}" for k in range(1, 21)]], frame["treat"]
    model = IPW(LogisticRegression(C=1e6, max_iter=1000))
    model.fit(x, a)
    return float(model.compute_weights(x, a).sum())


JOBS = {
    "propensity": propensity,
    "nearest": lambda frame: nearest(frame, replace=False),
    "nearest_replace": lambda frame: nearest(frame, replace=True),
}
