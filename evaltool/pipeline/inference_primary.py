"""The estimate with the test that the plan named for it before outcomes were known.

Interval, p-value and statistic are replaced together, so that the printed interval is the inversion of the printed
test. Tests by resampling have no standard error of their own: the method's stays beside them. A relative effect is
tested again as a share, where the method can (``SCALED``); a plan that asks for another is refused before data.
"""

from __future__ import annotations

from collections.abc import Mapping

from evaltool.errors import Fault, Place, RunError
from evaltool.numerics.cluster_methods import WEBB_BELOW
from evaltool.numerics.inference import infer
from evaltool.numerics.relabelled import effects, without_each
from evaltool.pipeline.inference import all_rows, chosen, jackknife_se, leave_out_clusters, rule_of
from evaltool.pipeline.studied import Studied
from evaltool.records.estimate import Estimate, Interval, Relative
from evaltool.records.examination import InferenceRow, LeftOut
from evaltool.records.plan.analysis import InferenceMethod

SE = {
    "hc1": "HC1 of the units' changes",
    "cr1": "CR1, cluster sums",
    "cr2": "CR2 of the units' changes",
    "cr2_ik": "CR2 of the units' changes",
    "cr3": "CR3, jackknife over clusters",
    "wild_bootstrap": "CR1 of the units' changes",
    "multiplier_bootstrap": "cluster sums of influence values",
}
SE_ROWS = {
    "hc1": "HC1 of the regression's rows",
    "cr2": "CR2 of the regression, effects of units taken out",
    "cr2_ik": "CR2 of the regression, effects of units taken out",
    "cr3": "CR3 of the regression, jackknife over clusters",
    "two_way": "two-way clusters and periods: sum of both sandwiches less that of their intersection",
    "wild_bootstrap": "CR1 of the regression, effects of units taken out",
}
"""The same where the headline is an average of a regression's coefficients and no difference of changes."""
DF = {"cr2": "Bell-McCaffrey", "cr2_ik": "Imbens-Kolesar", "cr1": "G - 1", "cr3": "G - 1", "two_way": "smaller G - 1"}
FACTOR_ROWS = {"hc1": "n/(n - K)", "two_way": "(n - 1)/(n - K), smaller G/(G - 1)"}
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
    refitted = name == "cr3" and studied.changes is None and (studied.regression is None or studied.pieces is not None)
    left_out = leave_out_clusters(studied) if refitted else None
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
    if row.method == "wild_bootstrap":
        conventions["inference_weights"] = "webb" if studied.count < WEBB_BELOW else "rademacher"
    if row.se is not None:
        conventions |= _formula(studied, row.method)
    conventions |= {"distribution": DRAWN if row.df is None else "t", "df": row.df}
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


def _formula(studied: Studied, method: InferenceMethod) -> dict[str, str]:
    """Formula, factor and degrees of freedom of a standard error, and what the clusters are."""
    on_rows = method == "two_way" or (studied.changes is None and studied.regression is not None)
    told = {"se": SE_ROWS.get(method, SE.get(method, "")) if on_rows else SE[method]}
    told["small_sample_factor"] = {**FACTOR, **(FACTOR_ROWS if on_rows else {})}.get(method, "none")
    if method in DF:
        told["inference_df"] = DF[method]
    if method == "two_way":
        told["cluster"] = f"{studied.plan.inference.cluster or 'unit'} and period"
    return told


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
