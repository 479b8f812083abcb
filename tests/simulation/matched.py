"""Coverage of the intervals on matched and weighted designs: people in two groups, a score on two covariates.

400 people; the odds of treatment rise with both covariates (about a third are treated), the outcome is their sum, the
same effect of 2 for everybody, and a normal error. Designs are built without the outcome, estimates from the plug-ins
themselves; an interval holds where the test of the true effect does not reject.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "spec"))

from matched_worlds import asked, built, panel_of

from evaltool import registry
from evaltool.errors import RunError
from evaltool.estimators.weighted.difference import PLUGIN, DifferenceOptions
from evaltool.records.plan.analysis import Estimand

PEOPLE, EFFECT = 400, 2.0
Wanted = tuple[str, dict[str, object], tuple[str, ...]]
MENU: dict[str, Wanted] = {
    "pairs without replacement": ("matching.nearest", {"caliper": "0.2"}, ("cluster_set", "bootstrap", "hc3")),
    "1 with replacement": (
        "matching.nearest",
        {"replace": True},
        ("cluster_set_and_unit", "hc3", "abadie_imbens", "abadie_imbens_2016"),
    ),
    "5 with replacement": (
        "matching.nearest",
        {"replace": True, "ratio": 5},
        ("cluster_set_and_unit", "hc3", "abadie_imbens", "abadie_imbens_2016"),
    ),
    "1 with replacement, ATE": (
        "matching.nearest",
        {"replace": True, "estimand": "ATE"},
        ("hc3", "abadie_imbens", "abadie_imbens_2016"),
    ),
    "full": ("matching.full", {}, ("cluster_set",)),
    "inverse propensity": ("weighting.inverse_propensity", {}, ("m_estimation", "hc3")),
    "entropy balancing": ("weighting.entropy_balancing", {}, ("m_estimation", "hc3")),
}


def sample(number: int) -> pd.DataFrame:
    """Sample ``number`` as a panel's frame."""
    r = np.random.default_rng([41, number])
    x = r.normal(size=(PEOPLE, 2))
    d = r.random(PEOPLE) < 1.0 / (1.0 + np.exp(1.0 - 0.5 * x.sum(axis=1)))
    y = x.sum(axis=1) + EFFECT * d + r.normal(size=PEOPLE)
    return pd.DataFrame(
        {"unit": np.arange(PEOPLE), "treated": d, "weight": 1.0, "x.a": x[:, 0], "x.b": x[:, 1], "y.y": y}
    )


def held(number: int) -> dict[tuple[str, str], bool]:
    """Whether each design's interval with each standard error holds the effect, in one sample."""
    panel = panel_of(sample(number))
    found = {}
    for name, (method, options, errors) in MENU.items():
        plugin = registry.design(method)
        try:
            chosen = plugin.options.model_validate({"covariates": ("a", "b"), **options})
            design = built(plugin, chosen, panel)
        except RunError:
            continue
        target = Estimand(outcome="y", target=str(options.get("estimand", "ATT")))  # type: ignore[arg-type]
        for se in errors:
            request = asked(DifferenceOptions.model_validate({"se": se}), design, panel, estimand=target)
            interval = PLUGIN.estimate(request).interval
            if interval is not None:
                found[name, se] = interval.lower <= EFFECT <= interval.upper
    return found


def coverage(numbers: range) -> pd.DataFrame:
    """Share held and number of samples by design and standard error."""
    rows = [(*key, holds) for number in numbers for key, holds in held(number).items()]
    frame = pd.DataFrame(rows, columns=["design", "se", "holds"])
    return frame.groupby(["design", "se"], sort=False)["holds"].agg(["mean", "size"]).reset_index()
