"""Every counterfactual baseline of one treated unit in one call, with what could not be computed and how far apart."""

from __future__ import annotations

import html
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from evaltool.errors import EvaltoolError
from evaltool.payment.disagreement import Disagreement, disagreement
from evaltool.records.estimate import Estimate
from evaltool.records.readable import Readable
from evaltool.records.showing import Picture, Summary

Thunk = Callable[[], Estimate | Readable]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SideBySide:
    """Estimates by method, in the order they were asked for, the primary first; and why others could not be made."""

    primary: str
    estimates: Mapping[str, Estimate]
    refused: Mapping[str, str]

    def to_frame(self) -> pd.DataFrame:
        """One row per method: ``method, effect, std_error, lower, upper, test_p, rmspe_before, from_primary``.

        ``test_p`` is the p-value of the interval's test, or the placebo rank's where there is no standard error.
        """
        agreed = self.estimates[self.primary].att
        rows = []
        for name, found in self.estimates.items():
            interval = found.interval
            said = found.conventions
            rows.append(
                {
                    "method": name,
                    "effect": found.att,
                    "std_error": float("nan") if found.se is None else found.se,
                    "lower": float("nan") if interval is None else interval.lower,
                    "upper": float("nan") if interval is None else interval.upper,
                    "test_p": _number(said.get("permutation_p") if found.p_value is None else found.p_value),
                    "rmspe_before": _number(said.get("rmspe_before")),
                    "from_primary": found.att - agreed,
                }
            )
        return pd.DataFrame(rows)

    @property
    def disagreement(self) -> Disagreement | None:
        """How far the others are from the primary; None where there are none."""
        others = [Decimal(repr(e.att)) for name, e in self.estimates.items() if name != self.primary]
        return disagreement(Decimal(repr(self.estimates[self.primary].att)), others)

    @property
    def summary(self) -> Summary:
        """The table, what was refused, and how far apart the methods are."""
        lines = [
            f"Side by side; primary: {self.primary}",
            "",
            self.to_frame().to_string(index=False, float_format="{:.6g}".format, na_rep=""),
        ]
        apart = self.disagreement
        if apart is not None:
            share = "" if apart.share is None else f" ({float(apart.share):.0%} of the primary)"
            lines += [
                "",
                (
                    f"from {float(apart.lowest):.6g} to {float(apart.highest):.6g}; farthest from the primary: "
                    f"{float(apart.distance):.6g}{share}; same sign: {apart.same_sign} of {apart.others}"
                ),
            ]
        lines += [f"refused: {name}: {why}" for name, why in self.refused.items()]
        return Summary("\n".join(lines))

    def plot(self, *, lang: str = "en") -> Picture:
        """Every method's figure and interval, the primary marked; ``lang`` is ``da`` or ``en``."""
        drawing: object = importlib.import_module("evaltool.plotting.beside").draw_beside(
            self.estimates, self.primary, lang
        )
        return Picture.of(drawing)

    def __repr__(self) -> str:
        """The summary."""
        return self.summary.text

    def _repr_html_(self) -> str:
        """For notebooks."""
        return f"<pre>{html.escape(self.summary.text)}</pre>"


def run_all(primary: str, methods: Mapping[str, Thunk]) -> SideBySide:
    """Compute each; the primary's refusal is raised, others' are kept. Raises what the primary raises."""
    found: dict[str, Estimate] = {}
    refused: dict[str, str] = {}
    for name in (primary, *(other for other in methods if other != primary)):
        try:
            answer = methods[name]()
        except EvaltoolError as error:
            if name == primary:
                raise
            refused[name] = "; ".join(f"{fault.code}: {fault.cause}" for fault in error.faults)
            continue
        found[name] = answer if isinstance(answer, Estimate) else answer._read()  # noqa: SLF001 - a Readable's own record
    return SideBySide(primary=primary, estimates=found, refused=refused)


def _number(value: object) -> float:
    """A number, or NaN."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
