"""moderndid."""

from __future__ import annotations

import moderndid
import pandas as pd


def group_time(frame: pd.DataFrame, **more: object) -> float:
    found = moderndid.att_gt(
        frame,
        yname="y",
        tname="time",
        idname="unit",
        gname="start",
        base_period="universal",
        **{"cband": False, **more},
    )
    return float(moderndid.aggte(found, type="simple", cband=False).overall_att)


JOBS = {
    "group_time": group_time,
    "group_time_dr": lambda frame: group_time(frame, xformla="~ x1 + x2"),
    "group_time_dr_bands": lambda frame: group_time(
        frame, xformla="~ x1 + x2", boot=True, cband=True, biters=999, random_state=1
    ),
    "group_time_bands": lambda frame: group_time(frame, boot=True, cband=True, biters=999, random_state=1),
}
