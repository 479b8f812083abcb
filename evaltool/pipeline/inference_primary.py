"""The estimate with the test that the plan named for it before outcomes were known.

Interval, p-value and statistic are replaced together, so that the printed interval is the inversion of the printed
test. Tests by resampling have no standard error of their own: the method's stays beside them. A relative effect is
tested again as a share, where the method can (``SCALED``); a plan that asks for another is refused before data.
"""

from __future__ import annotations

from collections.abc import Mapping

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.inference import infer
from evaltool.numerics.relabelled import effects, without_each
from evaltool.pipeline.inference import all_rows, chosen, jackknife_se, leave_out_clusters, rule_of
from evaltool.pipeline.studied import Studied
from evaltool.records.estimate import Estimate, Interval, Relative
from evaltool.records.examination import InferenceRow, LeftOut

SE = {
    "hc1": "HC1 of the units' changes",
    "cr1": "CR1, cluster sums",
    "cr2": "CR2 of the units' changes",
    "cr2_ik": "CR2 of the units' changes",
    "cr3": "CR3, jackknife over clusters",
    "wild_bootstrap": "CR1 of the units' changes",
    "multiplier_bootstrap": "cluster sums of influence values",
}
FACTOR = {"cr1": "G/(G - 1)", "cr3": "(G - 1)/G", "hc1": "n/(n - 2)", "wild_bootstrap": "G/(G - 1)"}
DRAWN = "that of the draws"


def with_primary(studied: Studied) -> Estimate:
    """The estimate with the test, interval and p-value of the plan's primary method.

    Raises RunError (RUN_INFERENCE_NOT_OFFERED) when the method cannot be used on it.
    """
    if "first_treated" not in studied.panel.frame:
        stated = sorted(studied.plan.inference.stated_methods - {"own"})
        raise _not_offered(stated[0], "units have no single start by which clusters could be counted", "stated")
    name, how = chosen(studied)
    if name == "own":
        return studied.estimate
    left_out = leave_out_clusters(studied) if name == "cr3" and studied.changes is None else None
    row = next(row for row in all_rows(studied, left_out) if row.method == name)
    if row.status == "not_offered":
        raise _not_offered(name, row.reason or "", how)
    return _restated(studied, row, left_out, how)


def _restated(studied: Studied, row: InferenceRow, left_out: LeftOut | None, how: str) -> Estimate:
    """The estimate with another test. Where nothing can be rejected there is no interval, and no standard error."""
    found = studied.estimate
    conventions = {**found.conventions, "inference": row.method, "inference_named_by": how}
    if row.draws is not None:
        conventions |= {"inference_draws": row.draws, "inference_enumerated": row.enumerated}
    if row.se is not None:
        conventions |= {"se": SE[row.method], "small_sample_factor": FACTOR.get(row.method, "none")}
    conventions["distribution"] = f"t, {row.df:g} degrees of freedom" if row.df is not None else DRAWN
    if row.lower is None or row.upper is None or (row.se is None and found.se is None):
        none = {"se": None, "interval": None, "p_value": None, "statistic": None, "df": None}
        bare = (
            None
            if found.relative is None
            else found.relative.model_copy(update={"se": None, "interval": None, "p_value": None})
        )
        bare_fields: dict[str, object] = {
            **none,
            "absent": "TOO_FEW_CLUSTERS",
            "relative": bare,
            "conventions": conventions,
        }
        return _checked(found, bare_fields)
    level = float(studied.plan.inference.level)
    se = row.se if row.se is not None else found.se
    changed: dict[str, object] = {
        "se": se,
        "df": row.df,
        "absent": None,
        "statistic": None if se is None else found.att / se,
        "p_value": row.p_value,
        "interval": Interval(lower=row.lower, upper=row.upper, level=level),
        "relative": _relative(studied, row, left_out),
        "conventions": conventions,
    }
    return _checked(found, changed)


def _checked(found: Estimate, changed: Mapping[str, object]) -> Estimate:
    """The estimate with fields changed, valid again."""
    fields = {name: getattr(found, name) for name in Estimate.model_fields}
    return Estimate.model_validate({**fields, **changed})


def _relative(studied: Studied, row: InferenceRow, left_out: LeftOut | None) -> Relative | None:
    """The relative effect under the same test; without an interval where the method has none for a share.

    A factor carries over; the jackknife and a shift of every treated outcome by τ (which makes the share
    τ / (observed − τ)) are done again on the share.
    """
    old, found = studied.estimate.relative, studied.estimate
    if old is None or old.se is None or found.se is None:
        return old
    if row.method == "cr1" and row.se is not None:
        se = old.se * row.se / found.se
        test = infer(old.value, se, rule_of(studied, row.df))
        ends = Interval(lower=test.lower, upper=test.upper, level=test.level)
        return old.model_copy(update={"se": se, "interval": ends, "p_value": test.p_value})
    if row.method == "randomisation" and old.denominator == "counterfactual" and found.observed is not None:
        ends_of = [_share(end, found.observed) for end in (row.lower, row.upper)]
        if all(end is not None for end in ends_of):
            lower, upper = sorted(float(end) for end in ends_of if end is not None)
            ends = Interval(lower=lower, upper=upper, level=float(studied.plan.inference.level))
            return old.model_copy(update={"interval": ends, "p_value": row.p_value})
    if row.method == "cr3" and left_out is not None and studied.pieces is not None:
        att, seen = effects(*studied.pieces, without_each(studied.pieces[0]))
        if old.denominator == "counterfactual":
            se = jackknife_se(att / (seen - att), old.value)
            test = infer(old.value, se, rule_of(studied, row.df))
            ends = Interval(lower=test.lower, upper=test.upper, level=test.level)
            return old.model_copy(update={"se": se, "interval": ends, "p_value": test.p_value})
    return old.model_copy(update={"se": None, "interval": None, "p_value": None})


def _share(end: float | None, observed: float) -> float | None:
    """τ as a share of what would have been; None where that is not positive."""
    if end is None or not observed - end > 0.0:
        return None
    return end / (observed - end)


def _not_offered(name: str, why: str, how: str) -> RunError:
    """The plan names a method that these data do not allow."""
    return RunError(
        Fault(
            code="RUN_INFERENCE_NOT_OFFERED",
            cause=f"The plan's inference '{name}' ({how}) cannot be used on this estimate: {why.replace('_', ' ')}.",
            fix="Agree on another method under [inference] in a variation of the plan; evaltool methods lists them.",
            place=Place(key="inference.primary"),
        )
    )
