"""linearmodels."""

from __future__ import annotations

import pandas as pd
from linearmodels.panel import PanelOLS


def two_way(frame: pd.DataFrame) -> float:
    data = frame.set_index(["unit", "time"])
    model = PanelOLS(data["y"], data[["treated"]], entity_effects=True, time_effects=True)
    return float(model.fit(cov_type="clustered", cluster_entity=True).params["treated"])


JOBS = {"two_way": two_way}
