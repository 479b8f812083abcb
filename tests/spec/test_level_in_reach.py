"""1 / (J + 1) > α is refused before anything is computed: in ``check`` and on both roads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matched_plans import CONTROL

import evaltool as ev
from evaltool.cli.main import main
from evaltool.errors import RunError
from evaltool.pipeline.prepare import plan_refusals
from evaltool.reading.plan_file import read_plan

WHO = {"outcome": "y", "unit": "town", "time": "year", "treated": "t00", "start": 2010}
NAMED = 'method = "donors.pool"\n\n[design.options]\ndonors = [{donors}]\n'


def towns(donors: int) -> pd.DataFrame:
    r = np.random.default_rng(1)
    rows = [(f"t{k:02d}", 2000 + t, 10.0 + r.normal() + k) for k in range(donors + 1) for t in range(13)]
    return pd.DataFrame(rows, columns=["town", "year", "y"])


@pytest.mark.parametrize(("donors", "level", "refused"), [(18, 0.95, True), (19, 0.95, False), (9, 0.9, False)])
def test_the_direct_road(donors: int, level: float, *, refused: bool) -> None:
    """19 donors: 1/20 is 0.05 and within reach; 18: 1/19 is not."""
    if not refused:
        assert ev.counterfactual.synthetic_control(towns(donors), **WHO, level=level).placebo_p <= 1.0
        return
    with pytest.raises(RunError, match="RUN_LEVEL_OUT_OF_REACH") as caught:
        ev.counterfactual.synthetic_control(towns(donors), **WHO, level=level)
    assert "19 donors" in caught.value.faults[0].fix


def test_other_inference_is_not_judged_by_the_donors() -> None:
    found = ev.counterfactual.synthetic_control(towns(4), **WHO, inference="prediction", shocks="gaussian")
    assert found.prediction["level"] == 0.95


@pytest.mark.parametrize(("alpha", "codes"), [("", ("RUN_LEVEL_OUT_OF_REACH",)), ('alpha = "0.25"', ())])
def test_a_plan_that_names_its_donors_needs_no_data(tmp_path: Path, alpha: str, codes: tuple[str, ...]) -> None:
    """Three donors: 1/4. A contract that agrees on a quarter is within reach."""
    text = CONTROL.replace('method = "donors.pool"\n', NAMED.format(donors='"t01", "t02", "t03"'))
    if alpha:
        reason = 'reason = "few donors, agreed"\nsigned_by = "both parties"\n'
        text += f'\n[[gate]]\nname = "placebo_in_space"\n{reason}[gate.options]\n{alpha}\n'
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    assert tuple(fault.code for fault in plan_refusals(read_plan(tmp_path / "plan.toml"))) == codes


def test_check_reads_the_data_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = towns(6).assign(start=lambda d: np.where(d["town"] == "t00", 2010, 0))
    started.to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "plan.toml").write_text(CONTROL, encoding="utf-8")
    assert main(["check", str(tmp_path / "plan.toml"), "--format", "json"]) != 0
    assert "RUN_LEVEL_OUT_OF_REACH" in capsys.readouterr().out
