"""How alike the matched groups are: the love plot, and every covariate before and after."""

from __future__ import annotations

from evaltool.plotting.love import LovePicture, LoveRow, draw_love
from evaltool.records.design import TIMES, BalanceRow, MatchSummary
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling

GOOD, FAIR = 0.05, 0.25
"""The balance check's own limits, where the run holds no such check (What Works Clearinghouse)."""
DIGITS = 3


def build(telling: Telling) -> tuple[Block, ...]:
    """Sentence, figure and table; nothing where nobody is matched, or where the headline may not be shown."""
    facts = telling.run.design.matching
    if facts is None or telling.headline is None:
        return ()
    shown = tuple(row for row in facts.balance if not telling.hides_balance(row))
    if not shown:
        return ()
    good, fair = _limit(telling, "good", GOOD), _limit(telling, "fair", FAIR)
    picture = LovePicture(
        rows=tuple(_love_row(telling, row) for row in shown),
        good=good,
        fair=fair,
        denominator=_denominator(telling, facts),
        weighted=is_weighted(telling),
    )
    lead = Prose(text=_lead(telling, facts, shown, (good, fair)))
    return (lead, telling.figure(draw_love(picture, telling.lang)), _table(telling, facts))


def is_weighted(telling: Telling) -> bool:
    """Whether the design weighs groups and matches nobody."""
    return telling.run.design.comparison == "weighted"


def worded(telling: Telling, key: str) -> str:
    """The key of a text that says how the groups were made alike: by matching, or by weights."""
    return f"{key}_weighted" if is_weighted(telling) else key


def _denominator(telling: Telling, facts: MatchSummary) -> str:
    """What mean differences are divided by: it is another for each target."""
    suffix = {"ATC": "_atc", "ATE": "_ate", "ATO": "_all", "ATM": "_all"}.get(facts.estimand[:3], "")
    return telling.say(worded(telling, f"text.balance_denominator{suffix}"))


def covariate_name(telling: Telling, row: BalanceRow) -> str:
    """The covariate as the plan labels it for readers."""
    if row.kind == "score":
        return telling.say("label.propensity_score")
    labels = {column.name: column.label.in_language(telling.lang) for column in telling.run.plan.data.read}
    if row.covariate in labels:
        return labels[row.covariate] or row.covariate
    names = row.covariate.split(TIMES)
    told = [labels.get(name) or name for name in names]
    return f"{told[0]}²" if len(set(names)) < len(names) else TIMES.join(told)


def _limit(telling: Telling, name: str, default: float) -> float:
    """The limit the run's own balance check used."""
    gate = next((g for g in telling.run.gates if g.name == "balance"), None)
    value = None if gate is None else gate.evidence.get(name)
    return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else default


def _love_row(telling: Telling, row: BalanceRow) -> LoveRow:
    """One covariate of the figure."""
    return LoveRow(
        label=covariate_name(telling, row),
        before=None if row.smd_before is None else abs(row.smd_before),
        after=None if row.smd_after is None else abs(row.smd_after),
        denominator=telling.number(row.denominator),
        score=row.kind == "score",
    )


def _lead(telling: Telling, facts: MatchSummary, rows: tuple[BalanceRow, ...], limits: tuple[float, float]) -> str:
    """How many differences lie within the limits."""
    good, fair = limits
    sizes = [abs(row.smd_after) for row in rows if row.smd_after is not None]
    values = {
        "covariates": telling.number(len(facts.covariates)),
        "rows": telling.number(len(rows)),
        "within": telling.number(sum(size <= good for size in sizes)),
        "beyond": telling.number(sum(size > fair for size in sizes)),
        "good": telling.number(good, 2),
        "fair": telling.number(fair, 2),
    }
    return telling.tell(worded(telling, "text.balance_lead"), values)


def _table(telling: Telling, facts: MatchSummary) -> Table:
    """Means, standardised differences and variance ratio of every covariate."""
    heads = (
        "column",
        "mean_treated",
        "mean_before",
        "mean_after",
        "difference_before",
        "difference_after",
        "variance_ratio",
        "overlap_after",
    )
    return Table(
        caption=telling.say(worded(telling, "text.balance_caption")),
        head=tuple(telling.say(f"label.{key}") for key in heads),
        rows=tuple(_row(telling, row) for row in facts.balance),
        numeric=tuple(range(1, len(heads))),
        wide=(0,),
        widths=(26, 12, 13, 13, 10, 10, 9, 7),
        note=telling.say(
            worded(telling, "text.balance_note"),
            {"denominator": _denominator(telling, facts)},
        ),
    )


def _row(telling: Telling, row: BalanceRow) -> tuple[str, ...]:
    """One covariate; what would tell of few is withheld. Shares of two-valued covariates are told as per cent."""
    name = covariate_name(telling, row)
    if telling.hides_balance(row):
        return (name, *(telling.say("label.withheld") for _ in range(7)))
    means = (row.mean_treated_after, row.mean_comparison_before, row.mean_comparison_after)
    none = telling.say("label.none")
    texts = [none if m is None else _mean(telling, row, m) for m in means]
    sizes = [none if d is None else telling.number(d, DIGITS) for d in (row.smd_before, row.smd_after)]
    ratio = none if row.variance_ratio_after is None else telling.number(row.variance_ratio_after, 2)
    shared = none if row.overlap_after is None else telling.number(row.overlap_after, 2)
    return (name, *texts, *sizes, ratio, shared)


def _mean(telling: Telling, row: BalanceRow, value: float) -> str:
    """A mean, or a share where the covariate is yes or no."""
    return telling.percent(value) if row.kind == "binary" and 0 <= value <= 1 else telling.number(value, 2)


SECTION = Section("balance", build)
