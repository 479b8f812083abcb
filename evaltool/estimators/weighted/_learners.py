"""Learners of scikit-learn for cross-fitted outcome models: named in a plan, or handed over on the direct road."""

from __future__ import annotations

import copy
import importlib
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.cross_fit import Fit, Predictor
from evaltool.records.panel import FloatArray

LearnerName = Literal[
    "sklearn.linear_model.LinearRegression",
    "sklearn.linear_model.RidgeCV",
    "sklearn.linear_model.LassoCV",
    "sklearn.linear_model.LogisticRegression",
    "sklearn.ensemble.RandomForestRegressor",
    "sklearn.ensemble.RandomForestClassifier",
    "sklearn.ensemble.GradientBoostingRegressor",
    "sklearn.ensemble.GradientBoostingClassifier",
]
"""What a plan may name: each gives the same numbers for the same seed, whatever the number of threads."""


@runtime_checkable
class Learner(Protocol):
    """Anything that is fitted on (m, k) regressors and (m,) outcomes and predicts (n,) values."""

    def fit(self, x: FloatArray, y: FloatArray) -> object:
        """Learn."""

    def predict(self, x: FloatArray) -> FloatArray:
        """Predict."""


@runtime_checkable
class _Draws(Protocol):
    """scikit-learn's way of holding a seed."""

    random_state: object


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """A learner with the name it is printed under."""

    learner: Learner
    name: str


def named(name: LearnerName) -> Taught:
    """The learner with scikit-learn's defaults. Raises RunError (RUN_NO_LEARNER) when scikit-learn is missing."""
    module, _, kind = name.rpartition(".")
    try:
        made: object = getattr(importlib.import_module(module), kind)()
        version = importlib.metadata.version("scikit-learn")
    except ImportError as error:
        cause = f"The plan asks for {name}, and scikit-learn is not installed ({error})."
        raise RunError(_fault(cause, "Install evaltool[learners], or leave the learner out.")) from error
    if not isinstance(made, Learner):
        raise RunError(_fault(f"{name} does not fit and predict.", "Install a later scikit-learn."))
    return Taught(made, f"{name}, scikit-learn {version}")


def fit_with(taught: Taught, *, binary: bool, seed: int) -> Fit:
    """Fitting as cross-fitting wants it: a fresh copy each time, seeded where it draws. The fit raises RunError."""
    classifies = _probabilities(taught.learner) is not None
    if classifies and not binary:
        cause = f"{taught.name} tells classes apart, and the outcome is not binary."
        raise RunError(_fault(cause, 'Use a regressor, or an outcome with kind = "binary".'))

    def fit(x: FloatArray, y: FloatArray) -> Predictor:
        learner = _seeded(copy.deepcopy(taught.learner), seed)
        if classifies and float(np.ptp(y)) == 0.0:
            cause = f"{taught.name} is to learn from a part of one group in which the outcome takes a single value."
            raise RunError(_fault(cause, "Use fewer folds, or a regressor."))
        learner.fit(x, y)
        return lambda rows: _predicted(learner, rows, taught.name)

    return fit


def _predicted(learner: Learner, rows: FloatArray, name: str) -> FloatArray:
    """(n,) predictions, known to be numbers."""
    probabilities = _probabilities(learner)
    values: object = learner.predict(rows) if probabilities is None else probabilities(rows)[:, 1]
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (rows.shape[0],) or not bool(np.all(np.isfinite(found))):
        raise RunError(_fault(f"{name} does not predict one finite number for each unit.", "Use another learner."))
    return found


def _probabilities(learner: Learner) -> Callable[[FloatArray], FloatArray] | None:
    """``predict_proba``, rising by class, of a learner of classes; a pipeline has it when its last step does."""
    found: Callable[[FloatArray], FloatArray] | None = getattr(learner, "predict_proba", None)
    return found


def _seeded(learner: Learner, seed: int) -> Learner:
    """The learner with a seed wherever it would draw without one."""
    settings: Callable[[], Mapping[str, object]] | None = getattr(learner, "get_params", None)
    for one in (learner, *(() if settings is None else settings().values())):
        if isinstance(one, _Draws) and one.random_state is None:
            one.random_state = seed
    return learner


def _fault(cause: str, fix: str) -> Fault:
    """A learner that cannot be used."""
    return Fault("RUN_NO_LEARNER", cause, fix, Place(key="estimator.options.learner"))
