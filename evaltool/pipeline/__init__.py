"""The corridor. Everything is validated before anything is computed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaltool.pipeline.corridor import STAGES, Progress, evaluate
    from evaltool.pipeline.prepare import plan_refusals

_HOME = {"STAGES": "corridor", "Progress": "corridor", "evaluate": "corridor", "plan_refusals": "prepare"}
__all__ = ["STAGES", "Progress", "evaluate", "plan_refusals"]


def __getattr__(name: str) -> object:
    """Load the corridor when it is first used: one estimate needs a single room of it."""
    if name not in _HOME:
        message = f"module 'evaltool.pipeline' has no attribute '{name}'"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"evaltool.pipeline.{_HOME[name]}"), name)
