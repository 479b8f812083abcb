"""Who takes part in which role, who is named for what, and which people are counted where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from evaltool.planning.lint.finding import Finding, Reading, note, warning

UNNAMED = re.compile(
    r"^\s*(n\.?\s?n\.?|nomen nescio|vacant|ubesat|ikke udpeget.*|endnu ikke.*|unknown|ukendt|to be \w+.*|tbd|tba|tbc|"
    r"evaluator|the evaluator|evaluatoren|x+|-+|\?+|…)\s*$",
    re.IGNORECASE,
)
"""What stands for a name where nobody was named."""


def evaluator_not_named(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_EVALUATOR: the evaluator is a placeholder."""
    name = reading.plan.parties.evaluator.name
    if UNNAMED.match(name):
        sentence = f"'{name}' names no evaluator, so nobody answers for the figures."
        yield warning("LINT_NO_EVALUATOR", "parties.evaluator.name", sentence, "Write who measures and reports.")


def evaluator_not_independent(reading: Reading) -> Iterable[Finding]:
    """LINT_EVALUATOR_NOT_INDEPENDENT: who measures also gains by the result."""
    parties = reading.plan.parties
    roles = [("an investor", party.name) for party in parties.investors]
    roles += [] if parties.provider is None else [("the provider", parties.provider.name)]
    roles += [("a payer", payer.name) for payer in parties.authorities]
    for role, name in roles:
        if _same(name, parties.evaluator.name):
            sentence = f"The evaluator '{parties.evaluator.name}' is also {role}, whose money depends on the result."
            fix = "Name an evaluator who neither pays, invests nor delivers."
            yield warning("LINT_EVALUATOR_NOT_INDEPENDENT", "parties.evaluator.name", sentence, fix)


def no_expert(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_EXPERT: a fallback hands the case to an expert nobody has named."""
    if reading.plan.governance.expert and not UNNAMED.match(reading.plan.governance.expert):
        return
    for number, fallback in enumerate(reading.plan.fallback):
        if fallback.action == "expert":
            sentence = f"On {', '.join(fallback.on)} an expert decides, and governance.expert names none."
            fix = "Write governance.expert: a person, an office, or who appoints one and how."
            yield warning("LINT_NO_EXPERT", f"fallback[{number}].action", sentence, fix)


def no_time_to_object(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_DISPUTE_DAYS: nobody may object."""
    if reading.decides and reading.plan.governance.dispute_days == 0:
        sentence = "The parties have no day on which to object to a decision."
        fix = "Write governance.dispute_days, or nothing when that is what was agreed."
        yield note("LINT_NO_DISPUTE_DAYS", "governance.dispute_days", sentence, fix)


def override_unsigned(reading: Reading) -> Iterable[Finding]:
    """LINT_OVERRIDE_UNSIGNED: a default check was changed, and nobody answers for it."""
    for number, gate in enumerate(reading.plan.gate):
        if (gate.options or gate.consequence is not None) and not gate.signed_by:
            sentence = f"The gate '{gate.name}' departs from its default, and nobody has signed for it."
            fix = "Write gate.signed_by: who agreed to the change."
            yield warning("LINT_OVERRIDE_UNSIGNED", f"gate[{number}]", sentence, fix)


def cohorts_overlap(reading: Reading) -> Iterable[Finding]:
    """LINT_COHORTS_OVERLAP: somebody who enters on a day of two cohorts is counted in both, or in either."""
    cohorts = sorted(enumerate(reading.plan.population.cohort), key=lambda item: (item[1].entry_from, item[0]))
    for (_, first), (number, second) in pairwise(cohorts):
        if second.entry_from <= first.entry_to:
            sentence = (
                f"Cohort '{second.id}' opens on {second.entry_from}, while '{first.id}' is open until "
                f"{first.entry_to}: who enters on those days belongs to both."
            )
            fix = "Let each cohort open on the day after the one before it closes."
            yield warning("LINT_COHORTS_OVERLAP", f"population.cohort[{number}].entry_from", sentence, fix)


def cohort_outside_entry(reading: Reading) -> Iterable[Finding]:
    """LINT_COHORT_OUTSIDE_ENTRY: a cohort takes people in before entry opens or after it closes."""
    people = reading.plan.population
    for number, cohort in enumerate(people.cohort):
        key = f"population.cohort[{number}]"
        if cohort.entry_from < people.entry_from:
            sentence = f"Cohort '{cohort.id}' opens on {cohort.entry_from}, before entry ({people.entry_from})."
        elif cohort.entry_to > people.entry_to:
            sentence = f"Cohort '{cohort.id}' closes on {cohort.entry_to}, after entry ({people.entry_to})."
        else:
            continue
        fix = "Let population.entry_from and entry_to span every cohort."
        yield warning("LINT_COHORT_OUTSIDE_ENTRY", key, sentence, fix)


def _same(one: str, other: str) -> bool:
    """Whether two names are one, whatever their case and spaces."""
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())
