"""The Goodman-Bacon decomposition against R bacondecomp 0.1.3, 1e-7."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from evaltool.numerics.bacon import decompose


def test_simulated_staggered_panel(reference: Path) -> None:
    entries = json.loads((reference / "numbers" / "did_other.json").read_text("utf-8"))
    expected = next(e["results"] for e in entries if e["id"] == "bacon_sim_stagg")
    frame = pd.read_csv(reference / "data" / "sim_stagg.csv").sort_values(["unit", "time"])
    wide = frame.pivot_table(index="unit", columns="time", values="y")
    starts = frame.groupby("unit")["g"].first().astype(float).replace(0.0, math.inf)
    found = decompose(wide.to_numpy(), starts.to_numpy(), wide.columns.to_numpy(dtype=float))
    assert found.coefficient == pytest.approx(expected["twfe"], abs=1e-7)
    assert found.total() == pytest.approx(expected["twfe"], abs=1e-7)
    shown = {(c.treated, c.comparison): (c.weight, c.estimate) for c in found.comparisons}
    assert len(shown) == len(expected["parts"]) == 9
    for part in expected["parts"]:
        other = math.inf if part["untreated"] is None else float(part["untreated"])
        weight, estimate = shown[float(part["treated"]), other]
        assert weight == pytest.approx(part["weight"], abs=1e-7)
        assert estimate == pytest.approx(part["estimate"], abs=1e-7)
