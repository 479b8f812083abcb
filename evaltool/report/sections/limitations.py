"""What this measurement cannot do, chosen by its kind."""

from __future__ import annotations

from evaltool.report.blocks import Block, Prose
from evaltool.report.section import Section
from evaltool.report.sections._sentences import judged_by_placebos
from evaltool.report.telling import Telling, md

SAID = frozenset({"no_counterfactual", "published_figure"})
"""Notes that other sentences of the report have said already, or that concern no reader."""
NEEDS_ERROR = frozenset({"few_treated_clusters"})
"""Notes about a standard error, which say nothing where there is none."""
FEW = 66
"""Median number of people in Danish programmes: at or below it, single units are said to weigh heavily."""


def build(telling: Telling) -> tuple[Block, ...]:
    """A list of fixed sentences."""
    lines = [_line(telling, key) for key in _keys(telling)]
    return (Prose(text="\n".join(f"- {line}" for line in lines)),) if lines else ()


def _line(telling: Telling, key: str) -> str:
    """One limitation, with the number of treated units or the plan's own words where it speaks of them."""
    if key == "made_up":
        return telling.tell("limit.made_up", {"what": telling.run.plan.programme.made_up.in_language(telling.lang)})
    if key != "small":
        known = telling.voice.says(f"limit.{key}")
        return telling.tell(f"limit.{key}") if known else f"{md(telling.name_of('limit', key))}\\."
    treated = telling.headline.counts.treated if telling.headline else None
    if treated == 1:
        return telling.tell("limit.one")
    return telling.tell("limit.small", {"n": telling.count(treated, "arm", "treated")})


def _keys(telling: Telling) -> list[str]:
    """Which sentences apply."""
    run = telling.run
    keys: list[str] = ["made_up"] if run.plan.programme.made_up.in_language(telling.lang) else []
    estimate = telling.headline
    if estimate is not None:
        if estimate.kind == "effect":
            keys += ["parallel", "spillover"] if estimate.method.startswith("did.") else ["spillover"]
        else:
            keys.append("no_counterfactual")
            keys += ["regression_to_mean"] if run.plan.population.selected_as_extreme else []
        bare = estimate.se is None and estimate.kind == "effect" and not judged_by_placebos(estimate)
        keys += ["no_se"] if bare else []
        keys += ["published"] if estimate.method.startswith("published.") else []
        keys += ["small"] if 0 < (estimate.counts.treated or 0) <= FEW else []
        notes = dict.fromkeys(note for e in telling.estimates for note in e.notes)
        said = SAID if any(e.se is not None for e in telling.estimates) else SAID | NEEDS_ERROR
        keys += [note for note in notes if note not in said]
    decision = run.decision
    if not telling.monitoring:
        keys += ["point_basis"] if decision.basis == "point_estimate" else []
        keys += ["provisional"] if "PROVISIONAL" in decision.flags else []
        keys += ["fragile"] if "DECISION_FRAGILE" in decision.flags else []
    return list(dict.fromkeys(keys))


SECTION = Section("limitations", build)
