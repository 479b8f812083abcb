"""Matched designs of stated sizes, asked by the disclosure gate and written as the machine record writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gate_world import ask, design, estimate, plan

from evaltool.bundle.determination import CellRule, determination_of
from evaltool.records.base import Json
from evaltool.records.decision import Decision
from evaltool.records.design import BalanceRow, Design, MatchSummary
from evaltool.records.estimate import Counts
from evaltool.records.gate import GateResult
from evaltool.records.ledger import Ledger, LedgerEntry
from evaltool.records.lock import LockStatus
from evaltool.records.run import Run

PROFILE = {"disclosure": {"profile": "minimum_5"}}


def entry(arm: str, detail: str, count: int) -> LedgerEntry:
    """Units of an arm without a match, for one reason."""
    return LedgerEntry.model_validate(
        {"stage": "design", "reason": "unmatched", "what": "unit", "arm": arm, "count": count, "detail": detail}
    )


def matched_design(
    matched: tuple[int, int],
    left: Mapping[str, Sequence[int]],
    *,
    outside: int = 0,
    incomplete: int = 0,
    ratio: int = 1,
    balance: tuple[BalanceRow, ...] = (),
) -> Design:
    """``matched`` units by arm, and per arm the sizes of the ledger's entries of units left out."""
    sizes = dict(zip(("treated", "comparison"), matched, strict=True))
    submitted = {arm: sizes[arm] + sum(left.get(arm, ())) for arm in sizes}
    made = design({1: sizes["treated"], None: sizes["comparison"]})
    facts = MatchSummary(
        estimand="ATT",
        treated_submitted=submitted["treated"],
        treated_matched=sizes["treated"],
        comparison_submitted=submitted["comparison"],
        comparison_matched=sizes["comparison"],
        matched_share=sizes["treated"] / submitted["treated"],
        sets=sizes["treated"],
        effective_n=float(sizes["comparison"]),
        largest_weight_share=1.0 / sizes["comparison"],
        common_support=(submitted["treated"] - outside) / submitted["treated"],
        largest_distance=0.01,
        tied_units=0,
        equidistant_choices=0,
        conventions={"ratio": ratio, "incomplete_sets": incomplete},
        covariates=("age",),
        scale="probability",
        balance=balance,
    )
    summary = made.summary.model_copy(update={"submitted_units": sum(submitted.values()), "matching": facts})
    entries = [entry(arm, f"reason {k}", n) for arm in sizes for k, n in enumerate(left.get(arm, ())) if n]
    return Design(summary=summary, roster=made.roster, ledger=Ledger().plus(*entries))


def run_of(made: Design, gates: Sequence[str] = ("matched_share", "overlap", "estimand_changed")) -> Run:
    """A run on the design with the disclosure gate's answer, and those of the gates named."""
    facts = made.summary.matching
    sizes = (made.summary.treated_units, made.summary.comparison_units)
    headline = estimate(
        method="weighted.difference",
        counts=Counts(treated=sizes[0], comparison=sizes[1], observations=sum(sizes)),
    )
    stated = plan(**PROFILE)
    answers: list[GateResult] = [
        ask(name, plan=stated, headline=headline, design=made)
        for name in (*(gates if facts is not None else ()), "disclosure")
    ]
    return Run(
        plan=stated,
        plan_seal=stated.seal,
        lock=LockStatus(state="locked", seal=stated.seal),
        as_of=stated.governance.as_of or stated.programme.end,
        data=None,
        ledger=made.ledger,
        design=made.summary,
        estimates=(headline,),
        second_opinion=None,
        gates=tuple(answers),
        decision=Decision.model_construct(
            **dict.fromkeys(Decision.model_fields) | {"alternatives": (), "flags": (), "reasons": ()}
        ),
        seed=1,
        versions={},
        profile={"pinned": False},  # type: ignore[arg-type]
    )


def released_record(run: Run) -> dict[str, Json]:
    """The machine record."""
    return determination_of(run)


def rule_of(run: Run) -> CellRule:
    """What may be shown of the run."""
    return CellRule(run)
