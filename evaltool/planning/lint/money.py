"""Who gains, who bears the risk, what was paid before, and what happens when the world outside changes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from statistics import NormalDist

from evaltool.planning.lint.finding import Finding, Reading, note, warning
from evaltool.planning.lint.wording import texts

YEAR = re.compile(r"\b(19|20|21)\d\d\b")
GUESSED = re.compile(r"\b(estimate[ds]?|guess\w*|assum\w+|skøn\w*|anslået|antage\w*|vurderet)\b", re.IGNORECASE)
MADE_UP = re.compile(r"\b(made.up|opdigtet|fictitious|fiktiv\w*)\b", re.IGNORECASE)
"""A source that says openly that there is none; the parties know, and are told once more."""
SETTLED_LATER = re.compile(
    r"true.?up|final settlement|settled at the end|efterregul\w*|slutopgør\w*|slutafregn\w*|endelig (opgør|afregn)\w*",
    re.IGNORECASE,
)
"""Words of a clause that says how interim payments are settled."""
SETTLES = frozenset({"interim_true_up", "net_of_offsets"})
"""Mechanisms that settle what was paid before."""


def gain_source(reading: Reading) -> Iterable[Finding]:
    """LINT_GAIN_SOURCE: what an effect is worth rests on a source that nobody can look up."""
    for number, gain in enumerate(reading.plan.budget_gain):
        key, guessed = f"budget_gain[{number}].source", GUESSED.search(gain.source)
        if guessed:
            sentence = f"The unit price of '{gain.id}' is somebody's estimate ('{guessed.group(0)}')."
        elif not YEAR.search(gain.source):
            sentence = f"The source of '{gain.id}' names no year, so nobody can find the figure again."
        else:
            continue
        fix = "Name the published table or account and its year; print who estimated it when nothing is published."
        say = note if MADE_UP.search(gain.source) else warning
        yield say("LINT_GAIN_SOURCE", key, sentence, fix)


def gains_without_paying(reading: Reading) -> Iterable[Finding]:
    """LINT_GAINS_WITHOUT_PAYING: a level of government gains and pays nothing."""
    paying = {payer.level for payer in reading.plan.parties.authorities if payer.share > 0}
    told: set[str] = set()
    for number, gain in enumerate(reading.plan.budget_gain):
        if gain.unit_price > 0 and gain.payer not in paying and gain.payer not in told:
            told.add(gain.payer)
            sentence = f"'{gain.payer}' gains by '{gain.id}' and pays no share of the payment."
            fix = "Nothing, when the parties know; else agree on a share for it under [[parties.authorities]]."
            yield note("LINT_GAINS_WITHOUT_PAYING", f"budget_gain[{number}].payer", sentence, fix)


def pays_without_gaining(reading: Reading) -> Iterable[Finding]:
    """LINT_PAYS_WITHOUT_GAINING: an authority pays, and no gain of its level is stated."""
    gains = {gain.payer for gain in reading.plan.budget_gain if gain.unit_price > 0}
    for number, payer in enumerate(reading.plan.parties.authorities if reading.plan.budget_gain else ()):
        if payer.share > 0 and payer.level not in gains:
            sentence = f"'{payer.name}' pays {payer.share} of the payment, and no gain of its level is stated."
            fix = "Nothing, when it pays for a better life alone; else add its [[budget_gain]]."
            yield note("LINT_PAYS_WITHOUT_GAINING", f"parties.authorities[{number}]", sentence, fix)


def no_return_cap(reading: Reading) -> Iterable[Finding]:
    """LINT_NO_RETURN_CAP: what investors may get at the most is not agreed."""
    agreed = reading.plan.investment
    if agreed is not None and agreed.return_cap is None:
        sentence = "Nothing limits what the investors get beyond their principal."
        fix = "Write investment.return_cap as a share of the principal, or nothing when the payment's cap is enough."
        yield note("LINT_NO_RETURN_CAP", "investment", sentence, fix)


def principal_whatever(reading: Reading) -> Iterable[Finding]:
    """LINT_PRINCIPAL_WHATEVER: the principal comes back whatever the result, so no risk was taken over."""
    agreed = reading.plan.investment
    if agreed is None:
        return
    covered = agreed.principal_floor + (agreed.guarantee.share if agreed.guarantee is not None else 0)
    if covered >= 1:
        by = "the floor" if agreed.guarantee is None else "floor and guarantee together"
        sentence = f"{by[0].upper()}{by[1:]} give the whole principal back whatever the result: investors bear no risk."
        fix = "Lower investment.principal_floor or the guarantee, or call the agreement a loan."
        yield warning("LINT_PRINCIPAL_WHATEVER", "investment.principal_floor", sentence, fix)


def previous_without_path(reading: Reading) -> Iterable[Finding]:
    """LINT_PREVIOUS_WITHOUT_PATH: an earlier payment that nobody can check."""
    for number, paid in enumerate(reading.plan.payment.previous):
        if paid.path is None:
            sentence = f"The earlier payment of {paid.amount} is stated without the run that decided it."
            fix = "Write path: the folder or zip of that run; it is then checked against the manifest before every run."
            yield warning("LINT_PREVIOUS_WITHOUT_PATH", f"payment.previous[{number}]", sentence, fix)


def clawback_unstated(reading: Reading) -> Iterable[Finding]:
    """LINT_CLAWBACK_UNSTATED: money was paid before, and nobody said whether it can be asked back."""
    payment = reading.plan.payment
    if payment.previous and "clawback" not in payment.model_fields_set:
        sentence = "Earlier runs have paid, and the plan does not say whether what was paid too much is paid back."
        fix = 'Write clawback = "agreed" or clawback = "none" under [payment].'
        yield warning("LINT_CLAWBACK_UNSTATED", "payment.clawback", sentence, fix)


def interim_without_true_up(reading: Reading) -> Iterable[Finding]:
    """LINT_INTERIM_WITHOUT_TRUE_UP: interim payments, and no word on how they are settled in the end.

    Settled they are by a clawback, by a mechanism that settles earlier payments or tests cohort by cohort, or by a
    clause that says so.
    """
    payment = reading.plan.payment
    if not payment.previous or payment.clawback == "agreed":
        return
    by_rule = any(item.plugin.name in SETTLES or item.plugin.per_cohort for item in reading.rules)
    by_clause = any(SETTLED_LATER.search(text) for _, text in texts(reading.plan.governance.clause))
    if not by_rule and not by_clause:
        sentence = "Interim payments were made, and nothing says how they are settled against the final result."
        fix = 'Use the mechanism "interim_true_up", agree on a clawback, or add a [[governance.clause]] that says it.'
        yield warning("LINT_INTERIM_WITHOUT_TRUE_UP", "payment.previous", sentence, fix)


def haircut_without_baseline(reading: Reading) -> Iterable[Finding]:
    """LINT_HAIRCUT_SAME_METHOD: the amount hangs on a disagreement, and no other method is compared."""
    agreed, plan = reading.plan.payment.haircut, reading.plan
    if agreed is None:
        return
    methods = {one.method for one in plan.sensitivity if one.id in agreed.among}
    if methods <= {None, plan.estimator.method}:
        sentence = (
            "[payment.haircut] compares the agreed method with itself under other options, and with no other one."
        )
        fix = "Name a [[sensitivity]] with another method under among, or leave the haircut out."
        yield warning("LINT_HAIRCUT_SAME_METHOD", "payment.haircut.among", sentence, fix)


def haircut_not_simulated(reading: Reading) -> Iterable[Finding]:
    """LINT_HAIRCUT_NOT_SIMULATED: a prior is stated, and what the haircut takes cannot be foreseen."""
    agreed = reading.plan.payment.haircut
    if agreed is None or agreed.apart is not None or not reading.plan.prior:
        return
    sentence = (
        "[[prior]] is stated, and [payment.haircut] does not say how far apart baselines may be: evaltool simulate and "
        "the report give no probability of the payments."
    )
    fix = "State apart under [payment.haircut]: the standard deviation believed of the difference to the farthest."
    yield warning("LINT_HAIRCUT_NOT_SIMULATED", "payment.haircut", sentence, fix)


def shock_without_clause(reading: Reading) -> Iterable[Finding]:
    """LINT_SHOCK_WITHOUT_CLAUSE: an event is registered, and nothing says what then applies."""
    for number, shock in enumerate(reading.plan.payment.shock):
        if shock.clause is None:
            sentence = f"The event '{shock.id}' is registered, and no clause says what it changes."
            fix = "Add a [[governance.clause]] with what was agreed, and write its id as the shock's clause."
            yield warning("LINT_SHOCK_WITHOUT_CLAUSE", f"payment.shock[{number}]", sentence, fix)


def prior_alone_pays(reading: Reading) -> Iterable[Finding]:
    """LINT_PRIOR_ALONE_PAYS: what was believed beforehand lies above the threshold already."""
    for item in reading.rules:
        prior = reading.plan.prior_of(item.rule.outcome) if item.rule.outcome is not None else None
        thresholds = item.plugin.thresholds(item.terms)
        if item.rule.basis != "probability" or prior is None or not thresholds:
            continue
        lowest = min(thresholds)
        if prior.mean is None or prior.sd is None or prior.mean <= lowest:
            continue
        chance = 1 - NormalDist(float(prior.mean), float(prior.sd)).cdf(float(lowest))
        asked = item.rule.probability
        alone = asked is not None and chance >= float(asked)
        sentence = (
            f"Before any data the prior puts the effect above {lowest} with probability {chance:.2f}"
            + (f"; rule '{item.rule.id}' asks for {asked}." if asked is not None else ".")
            + (" The prior alone would pay." if alone else " It argues for payment already.")
        )
        fix = "Nothing, when the parties know; else agree on a prior centred on no effect, or on a flat one."
        yield note("LINT_PRIOR_ALONE_PAYS", f"{item.key}.basis", sentence, fix)
