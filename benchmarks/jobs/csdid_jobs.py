"""csdid."""

from __future__ import annotations

import contextlib
import io

import pandas as pd
from csdid.att_gt import ATTgt


def group_time(frame: pd.DataFrame, formula: str = "y~1", **more: object) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        model = ATTgt(
            yname="y", tname="time", idname="unit", gname="start", data=frame, control_group="nevertreated",
            xformla=formula, **more,
        )  # fmt: skip
        found = model.fit(est_method="dr", base_period="universal", bstrap=bool(more)).aggte("simple")
    return float(found.atte["overall_att"])


JOBS = {
    "group_time": group_time,
    "group_time_dr": lambda frame: group_time(frame, "y~x1+x2"),
    "group_time_bands": lambda frame: group_time(frame, cband=True, biters=999),
    "group_time_dr_bands": lambda frame: group_time(frame, "y~x1+x2", cband=True, biters=999),
}
