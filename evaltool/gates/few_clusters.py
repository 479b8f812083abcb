"""The gate that asks whether there are enough clusters for the standard error to mean anything.

Clusters are the units, or the values of ``inference.cluster``. Printed: number of treated and of comparison clusters,
the largest share of an arm's weight in one cluster (its leverage on that arm's mean), and the effective number of
clusters. The comparison arm is the units that do not start within the data; where there are none, the cohort
that starts last. Where nobody is compared (a change in those treated) the treated are judged alone.

Statistic and threshold: clusters of the smaller arm against ``usable`` (10).

* fewer than ``unusable`` (5) in either arm: the analytic standard error is unusable. FAIL where the contract pays on a
  lower bound or on significance; REVIEW where it pays on the point estimate;
* fewer than ``usable``, an effective number below ``effective`` (10) or one cluster with more than ``largest_share``
  (half) of an arm: REVIEW;
* else PASS.

Where the plan names another inference than the method's own, the first line asks instead whether that one is known not
to hold with so many clusters (the status of its row in the table of all methods, from simulations).

Sources: MacKinnon & Webb (2018) and Ferman & Pinto (2019): with few treated clusters the cluster-robust variance is far
too small; Carter, Schnepel & Steigerwald (2017) for the effective number. The figures 5, 10 and one half are our own
proposal after their simulations.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from evaltool.gates._common import Finding, Measure, answer, counted, finite, needs_standard_error
from evaltool.language.numbers import number, percent
from evaltool.numerics.few_clusters import Clusters, cluster_sizes, cluster_sizes_alone
from evaltool.numerics.inference import Floats
from evaltool.records.base import Exact, Json, Record, Share, Words
from evaltool.records.gate import GateResult, Verdict
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import Capabilities, GateContext, GatePlugin

MEASURE = Measure(
    name="few_clusters",
    reason="FEW_CLUSTERS",
    statistic=Words(da="klynger i den mindste gruppe", en="clusters in the smaller group"),
    unit=Words(da="klynger", en="clusters"),
    source=Words(
        da="MacKinnon & Webb (2018); Ferman & Pinto (2019); Carter, Schnepel & Steigerwald (2017); "
        "grænserne er eget forslag",
        en="MacKinnon & Webb (2018); Ferman & Pinto (2019); Carter, Schnepel & Steigerwald (2017); "
        "limits our own proposal",
    ),
)
ALONE = Words(da="klynger i indsatsgruppen", en="clusters in the treatment group")


class Options(Record):
    """The limits, where the contract states its own."""

    unusable: int = Field(default=5, ge=1)
    usable: int = Field(default=10, ge=1)
    effective: Annotated[Exact, Field(ge=0)] = Decimal(10)
    largest_share: Share = Decimal("0.5")


def applies(capabilities: Capabilities, _plan: EvaluationPlan) -> tuple[str, str] | None:
    """Applies to methods whose standard error rests on clusters."""
    if capabilities.clusters:
        return None
    if capabilities.family == "counterfactual" and capabilities.standard_error == "never":
        return (
            "Usikkerheden bygger på placebo, ikke på klynger.",
            "The uncertainty rests on placebos, not on clusters.",
        )
    if capabilities.family == "weighted":
        return (
            "Usikkerheden bygger på matchede sæt eller enkelte enheder, ikke på klynger; antallet vurderes for sig.",
            "The uncertainty rests on matched sets or single units, not on clusters; the number is judged on its own.",
        )
    return (
        "Metodens usikkerhed bygger ikke på klynger.",
        "The method's uncertainty does not rest on clusters.",
    )


def check(context: GateContext) -> GateResult:
    """PASS, REVIEW or FAIL from the number, shares and effective number of clusters."""
    options = Options.model_validate(context.options)
    found = _clusters(context)
    if found is None or not finite(found.effective, found.largest_share):
        missing = Words(
            da="Klyngerne i de to grupper kan ikke tælles: en gruppe er tom, eller vægtene er ikke tal.",
            en="The clusters of the two groups cannot be counted: a group is empty, or weights are not numbers.",
        )
        return answer(context, MEASURE, Finding(verdict="CANNOT_TELL", sentence=missing))
    smaller = _smaller(found)
    unusable, needed = _is_unusable(context, smaller, options), needs_standard_error(context)
    stated = context.headline.se is not None
    evidence: dict[str, Json] = {
        "treated_clusters": found.treated,
        "comparison_clusters": found.comparison,
        "largest_share": found.largest_share,
        "largest_treated_share": found.largest_treated_share,
        "effective_clusters": found.effective,
        "unusable_below": options.unusable,
        "usable_from": options.usable,
        "effective_from": str(options.effective),
        "largest_share_to": str(options.largest_share),
        "standard_error_unusable": unusable,
        "inference": context.plan.inference.primary,
        "payment_needs_standard_error": needed,
    }
    return answer(
        context,
        MEASURE,
        Finding(
            verdict=_verdict(found, options, unusable=unusable, needed=needed),
            sentence=Words(
                da=_danish(found, unusable=unusable, needed=needed, stated=stated),
                en=_english(found, unusable=unusable, needed=needed, stated=stated),
            ),
            statistic=float(smaller),
            threshold=float(options.usable),
            evidence=evidence,
            statistic_name=ALONE if found.comparison is None else None,
        ),
    )


def _smaller(found: Clusters) -> int:
    """Clusters of the smaller arm, or of the only one."""
    return found.treated if found.comparison is None else min(found.treated, found.comparison)


def _clusters(context: GateContext) -> Clusters | None:
    """Sizes by cluster from the design's roster; None when an arm is empty or a weight is no number."""
    roster = context.design.roster
    if roster is None or not len(roster):
        return None
    labels = roster["unit"]
    if context.panel is not None and context.plan.inference.cluster and "cluster" in context.panel.frame:
        known = context.panel.frame.drop_duplicates("unit").set_index("unit")["cluster"]
        labels = known.reindex(labels)
    starts = roster["first_treated"].to_numpy(dtype=np.float64)
    if context.panel is not None and context.panel.periods:
        starts = np.where(starts > context.panel.periods[-1], np.inf, starts)
    last = np.inf if bool(np.any(np.isinf(starts))) else float(np.max(starts))
    weight = roster["weight"].to_numpy(dtype=np.float64)
    if context.headline.kind != "effect":
        return _alone(labels, weight, starts)
    _names, codes = np.unique(labels.astype(str).to_numpy(dtype=np.str_), return_inverse=True)
    treated = starts < last
    if not bool(np.all(np.isfinite(weight))) or not weight[treated].sum() > 0 or not weight[~treated].sum() > 0:
        return None
    return cluster_sizes(codes.astype(np.int64), weight, treated)


def _alone(labels: pd.Series[str], weight: Floats, starts: Floats) -> Clusters | None:
    """Sizes among those treated, or among everybody where the data hold no start; None when a weight is no number."""
    known = np.isfinite(starts)
    kept = known if bool(known.any()) else np.ones(len(starts), dtype=np.bool_)
    if not bool(np.all(np.isfinite(weight[kept]))) or not weight[kept].sum() > 0:
        return None
    _names, codes = np.unique(labels.astype(str).to_numpy(dtype=np.str_)[kept], return_inverse=True)
    return cluster_sizes_alone(codes.astype(np.int64), weight[kept])


def _is_unusable(context: GateContext, smaller: int, options: Options) -> bool:
    """Whether the agreed test does not hold: by the number of clusters, or by what is known of another method."""
    row = None if context.examination is None else context.examination.primary
    if row is None or row.method == "own":
        return smaller < options.unusable
    return row.status in {"unusable", "not_offered"}


def _verdict(found: Clusters, options: Options, *, unusable: bool, needed: bool) -> Verdict:
    """The rule at the head of this file."""
    smaller = _smaller(found)
    if unusable:
        return "FAIL" if needed else "REVIEW"
    enough = smaller >= options.usable and found.effective >= float(options.effective)
    return "PASS" if enough and found.largest_share <= float(options.largest_share) else "REVIEW"


def _danish(found: Clusters, *, unusable: bool, needed: bool, stated: bool) -> str:
    """The sentence in Danish."""
    if found.comparison is None:
        whom, whole = f"{counted(found.treated, 'clusters', 'da')} er målt", "det hele"
    else:
        whom = f"{counted(found.treated, 'clusters', 'da')} med indsats mod {number(found.comparison, 'da')} uden"
        whole = "sin gruppe"
    text = (
        f"{whom}; den største er {percent(found.largest_share, 'da', 0)} af {whole}, og det effektive antal er "
        f"{number(found.effective, 'da', 1)}"
    )
    if not unusable:
        return f"{text}."
    if not stated:
        return f"{text}: for få til en standardfejl, og der er ingen."
    end = "som udbetalingen afhænger af" if needed else "men udbetalingen følger punktestimatet"
    return f"{text}: standardfejlen kan ikke bruges, {end}."


def _english(found: Clusters, *, unusable: bool, needed: bool, stated: bool) -> str:
    """The sentence in English."""
    clusters = counted(found.treated, "clusters", "en")
    if found.comparison is None:
        whom, whole = f"{clusters} {'was' if found.treated == 1 else 'were'} measured", "the whole"
    else:
        whom = f"{clusters} with the intervention against {number(found.comparison, 'en')} without"
        whole = "its group"
    text = (
        f"{whom}; the largest is {percent(found.largest_share, 'en', 0)} of {whole}, and the effective number is "
        f"{number(found.effective, 'en', 1)}"
    )
    if not unusable:
        return f"{text}."
    if not stated:
        return f"{text}: too few for a standard error, and there is none."
    end = "which the payment depends on" if needed else "but the payment follows the point estimate"
    return f"{text}: the standard error is unusable, {end}."


PLUGIN = GatePlugin(
    name="few_clusters",
    order=60,
    consequence="block",
    options=Options,
    default_on=True,
    source=MEASURE.source,
    applies=applies,
    check=check,
)
