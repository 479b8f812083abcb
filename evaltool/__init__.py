"""evaltool answers one question: did the intervention work, and is the payment due.

    import evaltool as ev

    plan = ev.read_plan("plan.toml")
    panel = ev.read_panel(plan)
    run = ev.evaluate(plan, panel)
    run.decision.state, run.decision.amount, run.estimate.att
    ev.write_bundle(run, "out")
    ev.open_run("out")

    effect = ev.did.group_time(frame, outcome="y", unit="school", time="month", first_treated="start")
    effect.att, effect.std_errors, effect.conf_int(level=0.9), effect.summary

Nothing is defined here, and nothing heavy is loaded until a name is used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaltool import counterfactual, did, errors, matching, payment, weighted, weighting
    from evaltool.bundle.store import open_run, write_bundle
    from evaltool.pipeline import evaluate, plan_refusals
    from evaltool.reading.lock_file import write_lock
    from evaltool.reading.panel_file import read_panel
    from evaltool.reading.plan_file import read_plan

__version__ = "0.1.0"
_HOME = {
    "evaluate": "evaltool.pipeline",
    "open_run": "evaltool.bundle.store",
    "plan_refusals": "evaltool.pipeline",
    "read_panel": "evaltool.reading.panel_file",
    "read_plan": "evaltool.reading.plan_file",
    "write_bundle": "evaltool.bundle.store",
    "write_lock": "evaltool.reading.lock_file",
}
_NAMESPACES = ("counterfactual", "did", "errors", "matching", "payment", "weighted", "weighting")
__all__ = [
    "counterfactual",
    "did",
    "errors",
    "evaluate",
    "matching",
    "open_run",
    "payment",
    "plan_refusals",
    "read_panel",
    "read_plan",
    "weighted",
    "weighting",
    "write_bundle",
    "write_lock",
]


def __getattr__(name: str) -> object:
    """Load a verb or a namespace when it is first used."""
    if name in _NAMESPACES:
        return importlib.import_module(f"evaltool.{name}")
    if name not in _HOME:
        message = f"module 'evaltool' has no attribute '{name}'"
        raise AttributeError(message)
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """The face."""
    return [*__all__, "__version__"]
