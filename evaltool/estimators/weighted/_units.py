"""The matched units with their outcomes, and everything that can be refused before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaltool.errors import Fault, Place, RunError, did_you_mean
from evaltool.estimators.weighted._matching_faults import matching_se_faults
from evaltool.estimators.weighted._weights_again import EQUATIONS, equations_of, how_of
from evaltool.numerics.matching_effect import PairRows
from evaltool.numerics.weighting import Weighting
from evaltool.numerics.weighting_bootstrap import Redraw
from evaltool.numerics.weighting_fit import How
from evaltool.records.design import Design, MatchSummary
from evaltool.records.evidence import ALL
from evaltool.records.panel import FloatArray, IntArray, Panel
from evaltool.records.plugins import EstimationRequest

DESIGNS = (
    "matching.nearest",
    "matching.optimal",
    "matching.full",
    "matching.exact",
    "matching.coarsened_exact",
    "matching.subclass",
    "weighting.inverse_propensity",
    "weighting.entropy_balancing",
    "weighting.covariate_balancing",
    "weighting.stable",
)
"""Designs with weights by unit; the first is the default."""


@dataclass(frozen=True, slots=True, eq=False)
class MatchedUnits:
    """(n,) every submitted unit in canonical order: weight 0 takes no part, but may stand in for a tied one."""

    facts: MatchSummary
    outcome: FloatArray
    treated: FloatArray
    weights: FloatArray
    sets: IntArray
    ties: IntArray
    score: FloatArray
    covariates: FloatArray
    names: tuple[str, ...]
    regressors: FloatArray
    """(n, k) columns the design's score is fitted on."""
    equations: Weighting | None = None
    """What the weights were fitted by, where that counts in the standard error."""
    rows: PairRows | None = None
    """One row for each time a unit stands in a set, where the standard error asks for it."""
    seed: int = 1
    redraw: Redraw | None = None
    """How the weights are fitted again in a bootstrap, where the standard error asks for it."""
    after: FloatArray | None = None
    """(n,) the outcome itself, where ``outcome`` is its change since before the start."""

    @property
    def inside(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """(n,) who takes part."""
        return self.weights > 0.0


def data_of(request: EstimationRequest) -> tuple[Panel, pd.DataFrame, MatchSummary]:
    """The panel with outcomes, the design's weights and its facts. Raises RunError (RUN_NEEDS_DATA, RUN_NO_SETS)."""
    panel, design = request.panel, request.design
    if panel is None or panel.masked:
        raise RunError(
            Fault(
                code="RUN_NEEDS_DATA",
                cause="The effect of a matched comparison was asked for without outcomes.",
                fix="State a [data] source with an outcome column.",
                place=Place(key="data.source"),
            )
        )
    if design.weights is None or design.summary.matching is None:
        raise RunError(
            Fault(
                code="RUN_NO_SETS",
                cause=f"The design {design.summary.method} has no matched units.",
                fix='Use design.method = "matching.nearest".',
                place=Place(key="design.method"),
            )
        )
    return panel, design.weights, design.summary.matching


def matched_units(
    request: EstimationRequest, covariates: tuple[str, ...], se: str, before: tuple[str, ...] = ()
) -> MatchedUnits:
    """The units of the design with the outcome asked for, or its change since the mean of the columns ``before``.

    Raises RunError with every fault found.
    """
    panel, weights, facts = data_of(request)
    again = how_of(facts) if se == "bootstrap" else None
    faults = [*_plan_faults(request, facts, resampled=again is not None), *_roster_faults(panel, weights)]
    faults += [*_covariate_faults(panel, covariates), *_covariate_faults(panel, before, "before")]
    faults += _change_faults(request) if before else []
    faults += [*_set_faults(request.design, facts, se), *matching_se_faults(facts, se, covariates)]
    if faults:
        raise RunError(faults)
    frame = panel.frame
    submitted = facts.treated_submitted + facts.comparison_submitted
    outcome = panel.outcome(request.outcome.id)
    used = (weights["weight"].to_numpy(dtype=np.float64) > 0.0) | (again is not None)
    if missing := int(np.sum(~np.isfinite(outcome[used]))):
        raise RunError(
            Fault(
                code="RUN_OUTCOME_MISSING",
                cause=f"Outcome '{request.outcome.id}' has no value for {missing} matched units.",
                fix='Complete it, or state missing = "drop_unit" for the column before the design is locked.',
                place=Place(key="data.column"),
            )
        )
    return MatchedUnits(
        facts=facts,
        outcome=outcome - change_from(panel, before) if before else outcome,
        after=outcome if before else None,
        treated=frame["treated"].to_numpy(dtype=np.float64),
        weights=weights["weight"].to_numpy(dtype=np.float64),
        sets=weights["set"].to_numpy(dtype=np.int64),
        ties=weights["tie"].to_numpy(dtype=np.int64),
        score=weights["score"].to_numpy(dtype=np.float64),
        covariates=frame[[f"x.{name}" for name in covariates]].to_numpy(dtype=np.float64),
        names=covariates,
        regressors=frame[[f"x.{name}" for name in facts.covariates]].to_numpy(dtype=np.float64),
        rows=_rows(request.design, weights) if se == "cluster_set_and_unit" else None,
        seed=request.inference.seed,
        redraw=None if again is None else _redraw(request, panel, facts, again),
        equations=equations_of(panel, facts) if se in {"auto", "m_estimation"} and len(weights) == submitted else None,
    )


def _redraw(request: EstimationRequest, panel: Panel, facts: MatchSummary, how: How) -> Redraw:
    """What a bootstrap of the weights needs. Raises RunError (RUN_NO_CLUSTER_COLUMN)."""
    clusters = None
    if request.inference.cluster is not None:
        if "cluster" not in panel.frame:
            cause = f"The data have no column with the role cluster for '{request.inference.cluster}'."
            fix = 'Declare the column with role = "cluster".'
            raise RunError(Fault("RUN_NO_CLUSTER_COLUMN", cause, fix, Place(key="inference.cluster")))
        clusters = np.unique(panel.frame["cluster"].to_numpy(), return_inverse=True)[1].reshape(-1).astype(np.int64)
    x = panel.frame[[f"x.{name}" for name in facts.covariates]].to_numpy(dtype=np.float64)
    return Redraw(x, facts.covariates, how, clusters, request.inference.seed)


def change_from(panel: Panel, before: tuple[str, ...]) -> FloatArray:
    """(n,) mean of the outcome before the start."""
    columns = panel.frame[[f"x.{name}" for name in before]].to_numpy(dtype=np.float64)
    return np.asarray(columns.mean(axis=1), dtype=np.float64)


def _set_faults(design: Design, facts: MatchSummary, se: str) -> list[Fault]:
    """Standard errors that need sets, pairs or estimating equations which the design does not have."""
    if se == "bootstrap" and how_of(facts) is not None:
        return []
    alone = facts.sets == 0 or (se == "bootstrap" and "strata" in facts.conventions)
    code, cause, fix = "RUN_NO_SETS", "", ""
    if se in {"cluster_set", "bootstrap"} and alone:
        cause = "Standard errors by matched set are asked for, but units are in several sets, or in none."
        fix = 'Use se = "cluster_set_and_unit" or "hc3", or match without replacement.'
    elif se == "cluster_set_and_unit" and (design.pairs is None or facts.estimand.startswith("ATE")):
        cause = "Standard errors by matched set and unit are asked for, but the design has no pairs for one arm."
        fix = 'Use se = "auto", or a design that matches for the ATT or ATC.'
    elif se == "m_estimation" and facts.conventions.get("weighting") not in EQUATIONS:
        code = "RUN_NO_EQUATIONS"
        cause = "Weights are to count as estimated, but those of this design solve no estimating equations."
        fix = 'Use se = "auto", or a design with inverse propensity, entropy or covariate balancing weights.'
    return [Fault(code, cause, fix, Place(key="estimator.options.se"))] if cause else []


def _rows(design: Design, weights: pd.DataFrame) -> PairRows | None:
    """Everybody once for each set they stand in, by place among those with weight; shares add up to the weights."""
    pairs = design.pairs
    if pairs is None:
        return None
    inside = weights.loc[weights["weight"] > 0.0].reset_index(drop=True)
    place = pd.Index(inside["unit"])
    own = inside["weight"].to_numpy(dtype=np.float64)
    parts = []
    for arm in ("treated", "comparison"):
        unit = place.get_indexer(pairs[arm]).astype(np.int64)
        rows = pd.DataFrame({"unit": unit, "set": pairs["set"].to_numpy(dtype=np.int64)})
        rows["part"] = 1.0 / rows.groupby("set")["unit"].transform("size")
        parts.append(rows.groupby(["set", "unit"], as_index=False, sort=True)["part"].sum())
    every = pd.concat(parts, ignore_index=True)
    share = every["part"] / every.groupby("unit")["part"].transform("sum")
    unit = every["unit"].to_numpy(dtype=np.int64)
    return PairRows(unit, every["set"].to_numpy(dtype=np.int64), share.to_numpy(dtype=np.float64) * own[unit])


def _roster_faults(panel: Panel, weights: pd.DataFrame) -> list[Fault]:
    """The data hold other units, or another treatment, than the design was built on."""
    frame = panel.frame
    same = frame["unit"].tolist() == weights["unit"].tolist()
    if same and bool((frame["treated"].to_numpy(dtype=bool) == weights["treated"].to_numpy(dtype=bool)).all()):
        return []
    return [
        Fault(
            code="RUN_OTHER_UNITS",
            cause="The data hold other units, or other treated units, than the design was built on.",
            fix="Estimate on the data the design was built on, or build the design again.",
            place=Place(key="design"),
        )
    ]


def _plan_faults(request: EstimationRequest, facts: MatchSummary, *, resampled: bool) -> list[Fault]:
    """What the plan asks for and this method does not do."""
    wrong = []
    target = facts.estimand.split(" ", maxsplit=1)[0]
    if request.estimand.target != target:
        fix = f'Use target = "{target}", or a design for the {request.estimand.target}.'
        what = f"targets the {request.estimand.target}, and its design serves the {target}"
        wrong.append((what, fix, "estimand.target"))
    if request.inference.cluster is not None and not resampled:
        fix = 'Leave inference.cluster out: matched sets are the clusters; weights take se = "bootstrap".'
        wrong.append((f"clusters by '{request.inference.cluster}'", fix, "inference.cluster"))
    if request.key.cohort != ALL:
        wrong.append((f"asks for cohort '{request.key.cohort}' alone", "Pay on all together.", "population.cohort"))
    if request.estimand.scale == "relative" and request.estimand.denominator == "baseline":
        fix = 'Use denominator = "counterfactual".'
        wrong.append(("divides by a baseline, which a cross-section does not have", fix, "estimand.denominator"))
    return [
        Fault(
            code="RUN_NOT_BY_MATCHING",
            cause=f"The plan {what}; a matched difference cannot.",
            fix=fix,
            place=Place(key=k),
        )
        for what, fix, k in wrong
    ]


def _change_faults(request: EstimationRequest) -> list[Fault]:
    """A relative effect, where a change is what is compared."""
    if request.estimand.scale == "absolute":
        return []
    cause = "A relative effect is agreed, and what is compared is the change since before the start."
    fix = "Agree on an absolute effect, or leave before out."
    return [Fault("RUN_NOT_BY_MATCHING", cause, fix, Place(key="estimator.options.before"))]


def _covariate_faults(panel: Panel, covariates: tuple[str, ...], option: str = "covariates") -> list[Fault]:
    """Columns of an option that are not in the data or not complete."""
    known = panel.covariates
    faults = []
    for name in covariates:
        place = Place(key=f"estimator.options.{option}", column=name)
        if name not in known:
            fix, near = f"Known covariates: {', '.join(known) or 'none'}.", did_you_mean(name, list(known))
            cause = f"The data have no covariate '{name}'."
            faults.append(Fault(code="RUN_UNKNOWN_COVARIATE", cause=cause, fix=fix, place=place, suggestion=near))
        elif missing := int(np.sum(~np.isfinite(panel.frame[f"x.{name}"].to_numpy(dtype=np.float64)))):
            cause = f"Covariate '{name}' has no value for {missing} units."
            faults.append(Fault(code="RUN_COVARIATE_MISSING", cause=cause, fix="Complete it.", place=place))
    return faults
