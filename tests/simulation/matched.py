"""Coverage of the intervals on matched and weighted designs: people in two groups, a score on two covariates.

400 people; the odds of treatment rise with both covariates (about a third are treated, in the designs named rare a
tenth), the outcome is their sum, the same effect of 2 for everybody, and a normal error. Designs are built without the
outcome, estimates from the plug-ins themselves; an interval holds where the test of the true effect does not reject.
The size is the share of other samples, without an effect, in which a two-sided test at 5 % of no effect rejects.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "spec"))

from matched_worlds import asked, built, panel_of

from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.bias_corrected import PLUGIN as CORRECTED
from evaltool.estimators.weighted.bias_corrected import BiasCorrectedOptions
from evaltool.estimators.weighted.difference import PLUGIN, DifferenceOptions
from evaltool.numerics import weighting_bootstrap
from evaltool.records.design import Design
from evaltool.records.panel import Panel
from evaltool.records.plan.analysis import Estimand, Inference

PEOPLE, EFFECT = 400, 2.0
USUAL, RARE = 1.0, 2.5
"""How unusual treatment is: less the constant of its log odds."""
CORRECTION = "weighted.bias_corrected"
Target = Literal["ATT", "ATE"]
Wanted = tuple[str, dict[str, object], tuple[str, ...]]
WITH = ("cluster_set_and_unit", "hc3", "abadie_imbens", "abadie_imbens_2016", CORRECTION)
MENU: dict[str, Wanted] = {
    "pairs without replacement": ("matching.nearest", {"caliper": "0.2"}, ("cluster_set", "bootstrap", "hc3")),
    "1 without replacement, rare": ("matching.nearest", {}, ("cluster_set", "bootstrap", "hc3")),
    "5 without replacement, rare": ("matching.nearest", {"ratio": 5}, ("cluster_set", "bootstrap", "hc3")),
    "1 with replacement": ("matching.nearest", {"replace": True}, WITH),
    "5 with replacement": ("matching.nearest", {"replace": True, "ratio": 5}, WITH),
    "1 with replacement, ATE": ("matching.nearest", {"replace": True, "estimand": "ATE"}, WITH[1:]),
    "full": ("matching.full", {}, ("cluster_set",)),
    "inverse propensity": ("weighting.inverse_propensity", {}, ("m_estimation", "hc3")),
    "entropy balancing": ("weighting.entropy_balancing", {}, ("m_estimation", "hc3")),
}
FEWER, DRAWS = 200, 99
"""People, and draws of a bootstrap, where weights or models are fitted again: fewer, to be done in time."""
IPW, AIPW = "weighting.inverse_propensity", "weighted.doubly_robust"
Again = tuple[int | None, bool, Target, str, dict[str, object]]
AGAIN: dict[tuple[str, str], Again] = {
    **{
        (title, f"`{PLUGIN.name}`, {se}"): (groups, False, "ATT", PLUGIN.name, {"se": se})
        for title, groups in (("people alone, ATT", None), ("40 groups of 5, ATT", 40), ("10 groups of 20, ATT", 10))
        for se in ("bootstrap", "m_estimation")
    },
    **{
        (f"{'outcome with a square' if bent else 'linear outcome'}, {target}", f"`{AIPW}`, {name}"): (
            *(None, bent, target, AIPW),
            {"folds": folds},
        )
        for bent in (False, True)
        for target in ("ATT", "ATE")
        for name, folds in (("not cross-fitted", None), ("folds = 2", 2), ("folds = 5", 5))
    },
}
"""Data and target, and estimate → groups, whether the outcome has a square, target, estimator, options."""


def sample(number: int, effect: float, unusual: float) -> pd.DataFrame:
    """Sample ``number`` as a panel's frame."""
    r = np.random.default_rng([41, number])
    x = r.normal(size=(PEOPLE, 2))
    d = r.random(PEOPLE) < 1.0 / (1.0 + np.exp(unusual - 0.5 * x.sum(axis=1)))
    y = x.sum(axis=1) + effect * d + r.normal(size=PEOPLE)
    return pd.DataFrame(
        {"unit": np.arange(PEOPLE), "treated": d, "weight": 1.0, "x.a": x[:, 0], "x.b": x[:, 1], "y.y": y}
    )


def held(number: int, effect: float = EFFECT) -> dict[tuple[str, str], bool]:
    """Whether each design's interval with each standard error holds the effect, in one sample."""
    panels = {kind: panel_of(sample(number, effect, kind)) for kind in (USUAL, RARE)}
    found = {}
    for name, (method, options, errors) in MENU.items():
        panel = panels[RARE if name.endswith("rare") else USUAL]
        plugin = registry.design(method)
        try:
            chosen = plugin.options.model_validate({"covariates": ("a", "b"), **options})
            design = built(plugin, chosen, panel)
        except RunError:
            continue
        for se in errors:
            ends = interval_of(design, panel, se, str(options.get("estimand", "ATT")))
            if ends is not None:
                found[name, se] = ends[0] <= effect <= ends[1]
    return found


def interval_of(design: Design, panel: Panel, se: str, target: str) -> tuple[float, float] | None:
    """The interval with one standard error."""
    whom = Estimand(outcome="y", target=target)  # type: ignore[arg-type]
    if se == CORRECTION:
        interval = CORRECTED.estimate(asked(BiasCorrectedOptions(), design, panel, estimand=whom)).interval
    else:
        options = DifferenceOptions.model_validate({"se": se})
        interval = PLUGIN.estimate(asked(options, design, panel, estimand=whom)).interval
    return None if interval is None else (interval.lower, interval.upper)


def coverage(numbers: range, effect: float = EFFECT) -> pd.DataFrame:
    """Share held and number of samples by design and standard error."""
    rows = [(*key, holds) for number in numbers for key, holds in held(number, effect).items()]
    frame = pd.DataFrame(rows, columns=["design", "se", "holds"])
    return frame.groupby(["design", "se"], sort=False)["holds"].agg(["mean", "size"]).reset_index()


def table(samples: int, first: int = 0) -> str:
    """Coverage, and size in as many other samples, as Markdown in per cent."""
    holds = coverage(range(first, first + samples))
    rejects = coverage(range(first + samples, first + 2 * samples), 0.0).rename(columns={"mean": "size_mean"})
    both = holds.merge(rejects[["design", "se", "size_mean"]], on=["design", "se"], how="left")
    lines = ["| design | standard error | coverage | size | samples |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.design} | `{row.se}` | {100 * row.mean:.1f} | {100 * (1 - row.size_mean):.1f} | {row.size} |"
        for row in both.itertuples()
    ]
    return "\n".join(lines)


def smaller_sample(number: int, groups: int | None, *, bent: bool) -> pd.DataFrame:
    """200 people, alone or in groups that share a part of the odds and of the outcome; ``bent`` adds a square."""
    r = np.random.default_rng([43, number])
    x = r.normal(size=(FEWER, 2))
    group = np.arange(FEWER) if groups is None else np.arange(FEWER) // (FEWER // groups)
    odds, level = np.zeros((2, FEWER)) if groups is None else 0.7 * r.normal(size=(2, groups))[:, group]
    d = r.random(FEWER) < 1.0 / (1.0 + np.exp(0.5 - 0.5 * x.sum(axis=1) - odds))
    y = x.sum(axis=1) + level + EFFECT * d + r.normal(size=FEWER) + (0.7 * x[:, 0] ** 2 if bent else 0.0)
    columns = {"unit": np.arange(FEWER), "treated": d, "weight": 1.0, "cluster": group}
    return pd.DataFrame({**columns, "x.a": x[:, 0], "x.b": x[:, 1], "y.y": y})


def fitted_again(number: int) -> dict[tuple[str, str], bool]:
    """Whether each interval of ``AGAIN`` holds the effect, in one sample; weights are inverse propensities."""
    found, plugin = {}, registry.design(IPW)
    for name, (groups, bent, target, method, options) in AGAIN.items():
        panel = panel_of(smaller_sample(number, groups, bent=bent))
        stated = plugin.options.model_validate({"covariates": ("a", "b"), "estimand": target})
        estimator = registry.estimator(method)
        asking = asked(
            estimator.options.model_validate(options),
            built(plugin, stated, panel),
            panel,
            estimand=Estimand(outcome="y", target=target),
            inference=Inference(cluster="cluster" if groups and options.get("se") == "bootstrap" else None),
        )
        interval = estimator.estimate(asking).interval
        if interval is not None:
            found[name] = interval.lower <= EFFECT <= interval.upper
    return found


def again_table(samples: Iterable[dict[tuple[str, str], bool]]) -> str:
    """Coverage where weights or outcome models are fitted again, as Markdown in per cent."""
    rows = [(*key, holds) for found in samples for key, holds in found.items()]
    frame = pd.DataFrame(rows, columns=["data", "estimate", "holds"])
    both = frame.groupby(["data", "estimate"], sort=False)["holds"].agg(["mean", "size"]).reset_index()
    lines = ["| data, target | estimate | coverage | samples |", "|---|---|---|---|"]
    lines += [f"| {row.data} | {row.estimate} | {100 * row.mean:.1f} | {row.size} |" for row in both.itertuples()]
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--again", type=int, default=300, help="samples in which weights or models are fitted again")
    stated = parser.parse_args()
    if stated.samples:
        sys.stdout.write(
            f"Matched and weighted designs, {stated.samples} samples and as many without an effect, per cent "
            f"(simulation error {_error(stated.samples):.1f} points at 5 or 95)\n\n{table(stated.samples)}\n\n"
        )
    if stated.again:
        weighting_bootstrap.DRAWS = DRAWS
        printed = again_table(map(fitted_again, range(stated.again)))
        sys.stdout.write(
            f"Weights or outcome models fitted again, {stated.again} samples of {FEWER} people, {DRAWS} draws, per "
            f"cent (simulation error {_error(stated.again):.1f} points at 95)\n\n{printed}\n"
        )


def _error(samples: int) -> float:
    """The simulation error of a share of 5 or 95 per cent, in points."""
    return float(100.0 * (0.05 * 0.95 / samples) ** 0.5)


if __name__ == "__main__":
    main()
