"""The corridor. Everything is validated before anything is computed."""

from evaltool.pipeline.corridor import STAGES, Progress, evaluate
from evaltool.pipeline.prepare import plan_refusals

__all__ = ["STAGES", "Progress", "evaluate", "plan_refusals"]
