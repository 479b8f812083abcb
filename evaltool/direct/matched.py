"""A matched design in the hands of the person who made it: weights, sets, balance, and who takes no part."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import get_args

import pandas as pd

from evaltool.direct.call import Call, Target
from evaltool.pipeline.prepare import Method
from evaltool.records.design import BalanceRow, Design, MatchSummary
from evaltool.records.ledger import Ledger
from evaltool.records.showing import Summary

BALANCE = (
    *("covariate", "kind", "smd_before", "smd_after", "variance_ratio_before", "variance_ratio_after"),
    *("ks_before", "ks_after", "overlap_before", "overlap_after", "denominator"),
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MatchedDesign:
    """Who is compared with whom, found without outcomes. ``evaltool.weighted.difference`` estimates on it.

    ``units`` are all submitted, with ``unit, treated, score, weight, set, tie``; ``pairs`` the matches.
    """

    design: Design
    facts: MatchSummary
    call: Call
    method: Method
    units: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def weights(self) -> pd.Series[float]:
        """Weight by unit, over all units submitted; 0 takes no part. Matching for the ATT: treated 1."""
        weights = self.units.set_index("unit")["weight"]
        return weights.astype("float64")

    @property
    def scores(self) -> pd.Series[float]:
        """The propensity score by unit, on the scale matched on."""
        scores = self.units.set_index("unit")["score"]
        return scores.astype("float64")

    @property
    def sets(self) -> pd.DataFrame:
        """One row per match: ``treated, comparison, distance, set``; with replacement a unit may stand in several."""
        return self.pairs.copy()

    def balance(self) -> pd.DataFrame:
        """One row per covariate, the score first: standardised differences, variance ratios, Kolmogorov-Smirnov.

        NaN where a figure does not exist (variance ratios of two-valued covariates).
        """
        return pd.DataFrame([_balance(row) for row in self.facts.balance], columns=list(BALANCE))

    @property
    def effective_n(self) -> float:
        """Kish's effective number of comparison units with weight; of the smaller arm where both are weighted."""
        return self.facts.effective_n

    @property
    def target(self) -> Target:
        """The estimand the design was made for, whoever was left out."""
        found: Target = next(name for name in get_args(Target) if self.facts.estimand.split(" ", maxsplit=1)[0] == name)
        return found

    @property
    def estimand(self) -> str:
        """``ATT``, or ``ATT among the matched treated`` when treated units found no match; likewise for the others."""
        return self.facts.estimand

    @property
    def dropped(self) -> pd.DataFrame:
        """Units that take no part: ``unit, treated``. The ledger has the reasons."""
        outside = self.units.loc[self.units["weight"] == 0.0, ["unit", "treated"]]
        return outside.reset_index(drop=True)

    @property
    def ledger(self) -> Ledger:
        """Everything left out, with the reason."""
        return self.design.ledger

    @property
    def summary(self) -> Summary:
        """What was reached, as text."""
        facts = self.facts
        stated = {name: value for name, value in facts.conventions.items() if value is not None}
        lines = [
            f"Design:      {self.design.summary.method}, estimand {facts.estimand}",
            f"Treated:     {facts.treated_matched} of {facts.treated_submitted} matched",
            f"Comparison:  {facts.comparison_matched} of {facts.comparison_submitted} matched",
            f"Effective n: {facts.effective_n:.5g} comparison units",
            f"Support:     {100 * facts.common_support:.1f}% of the treated within the range of comparison scores",
            "",
            self.balance().drop(columns=["kind", "denominator"]).to_string(index=False, float_format="{:.4f}".format),
            "",
            *(f"{name}: {value}" for name, value in stated.items()),
            *(f"left out: {e.count} {e.what}s ({e.arm}): {e.detail or e.reason}" for e in self.ledger.entries),
        ]
        return Summary("\n".join(lines))

    def __repr__(self) -> str:
        """The summary."""
        return self.summary.text

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{html.escape(self.summary.text)}</pre>"


def _balance(row: BalanceRow) -> dict[str, object]:
    """One row of the balance frame."""
    return {name: float("nan") if (value := getattr(row, name)) is None else value for name in BALANCE}
