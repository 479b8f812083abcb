"""What is measured, on whom, when, and who vouches for it."""

from __future__ import annotations

from collections.abc import Iterable

from evaltool.planning.lint.finding import Finding, Reading, note, warning


def minimum_above_target(reading: Reading) -> Iterable[Finding]:
    """LINT_MINIMUM_ABOVE_TARGET: the smallest accepted number exceeds the agreed one."""
    people = reading.plan.population
    if people.target_n is None:
        return
    asked = [(people.minimum_n or 0, "population.minimum_n")]
    if reading.can is not None:
        asked.append((reading.can.minimum_treated, "population.target_n"))
    for number, gate in enumerate(reading.plan.gate):
        minimum = gate.options.get("minimum_treated")
        if gate.name == "minimum_sample" and isinstance(minimum, int):
            asked = [asked[0], (minimum, f"gate[{number}].options.minimum_treated")]
    for minimum, key in asked:
        if minimum > people.target_n:
            sentence = (
                f"At least {minimum} are needed and only {people.target_n} are planned: no decision can come of it."
            )
            yield warning("LINT_MINIMUM_ABOVE_TARGET", key, sentence, "Raise target_n, or agree on a lower minimum.")


def no_vintage(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_VINTAGE: registers are corrected afterwards, so the plan says which extraction counts."""
    data = reading.plan.data
    if data.source != "none" and not data.vintage:
        sentence = "No rule says which extraction of the data counts; registers are corrected for years."
        fix = 'Write data.vintage, for example "the extraction of the first working day after 20 August".'
        yield warning("LINT_NO_VINTAGE", "data.vintage", sentence, fix)


def no_definition(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_DEFINITION: two people must measure the same thing."""
    for number, outcome in enumerate(reading.plan.outcome):
        if not outcome.definition.in_language("da"):
            sentence = f"Outcome '{outcome.id}' has no definition, so two people may measure different things."
            fix = "Write outcome.definition: what is counted, what is not, from which register."
            yield warning("LINT_NO_DEFINITION", f"outcome[{number}].definition", sentence, fix)


def no_verifier(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_VERIFIER: somebody independent vouches for a paid figure."""
    for number, outcome in enumerate(reading.plan.outcome):
        if not outcome.verifier:
            sentence = f"Nobody is named who verifies outcome '{outcome.id}'."
            fix = "Write outcome.verifier: the register or the independent party."
            yield warning("LINT_NO_VERIFIER", f"outcome[{number}].verifier", sentence, fix)


def window_before_entry(reading: Reading) -> Iterable[Finding]:
    """LINT_WINDOW_BEFORE_ENTRY: the measurement ends before the last (of the first cohort) have entered."""
    people = reading.plan.population
    last = min((cohort.entry_to for cohort in people.cohort), default=people.entry_to)
    for number, outcome in enumerate(reading.plan.outcome):
        if outcome.window_to < last:
            sentence = f"Outcome '{outcome.id}' is measured until {outcome.window_to}, but entry is open until {last}."
            fix = "Let the window end after the last entry, or close entry earlier."
            yield warning("LINT_WINDOW_BEFORE_ENTRY", f"outcome[{number}].window_to", sentence, fix)


def no_maturity(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_MATURITY: registers need time after the window."""
    for number, outcome in enumerate(reading.plan.outcome):
        if outcome.matures_on is None:
            sentence = f"Outcome '{outcome.id}' counts as final on the last day of its window ({outcome.window_to})."
            fix = "Write outcome.matures_on when the register needs longer."
            yield note("LINT_NO_MATURITY", f"outcome[{number}].matures_on", sentence, fix)


def decides_before_mature(reading: Reading) -> Iterable[Finding]:
    """LINT_DECIDES_BEFORE_MATURE: a decision is promised before its figures are final."""
    plan = reading.plan
    paid = set(plan.payment.outcomes) if reading.decides else set()
    for outcome in plan.outcome:
        if outcome.id in paid and plan.governance.decide_from < outcome.mature_from:
            sentence = (
                f"The payment may be decided from {plan.governance.decide_from}, but outcome '{outcome.id}' is final "
                f"on {outcome.mature_from}; until then every run answers NOT_YET_DUE."
            )
            fix = "Let governance.decide_from be the day on which every paid outcome is final, or later."
            yield warning("LINT_DECIDES_BEFORE_MATURE", "governance.decide_from", sentence, fix)


def vintage_after_as_of(reading: Reading) -> Iterable[Finding]:
    """LINT_VINTAGE_AFTER_AS_OF: the data are said to be drawn after the date the documents carry.

    Only a note where the data are public: published data of an old programme are always fetched later.
    """
    drawn, stated = reading.plan.data.vintage_date, reading.plan.governance.as_of
    if drawn is not None and stated is not None and drawn > stated:
        sentence = f"The data are drawn on {drawn}, after the date the documents carry ({stated})."
        fix = "Correct data.vintage_date or governance.as_of: nobody decides on data that are not drawn yet."
        say = note if reading.plan.disclosure.profile == "public" else warning
        yield say("LINT_VINTAGE_AFTER_AS_OF", "data.vintage_date", sentence, fix)
