"""pyfixest."""

from __future__ import annotations

import pyfixest

JOBS = {
    "two_way": lambda frame: float(
        pyfixest.feols("y ~ treated | unit + time", data=frame, vcov={"CRV1": "unit"}).coef()["treated"]
    )
}
