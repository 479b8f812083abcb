"""How strong an unmeasured difference would turn the payment: sentences and a table, from the check's own evidence."""

from __future__ import annotations

from collections.abc import Mapping

from evaltool.records.base import Json
from evaltool.report.blocks import Block, Prose, Table
from evaltool.report.section import Section
from evaltool.report.telling import Telling

HEADS = (
    "hidden_figure",
    "hidden_threshold",
    "hidden_difference",
    "hidden_gamma",
    "hidden_e_value",
    "hidden_robustness",
)
Figure = Mapping[str, Json]


def build(telling: Telling) -> tuple[Block, ...]:
    """Prose on the figure that is turned most easily, and a row for each; nothing where the check has no figures."""
    gate = next((g for g in telling.run.gates if g.name == "hidden_bias"), None)
    rows = [] if gate is None else gate.evidence.get("figures")
    if gate is None or not isinstance(rows, list) or not rows or telling.headline is None or telling.hides_gate(gate):
        return ()
    figures = [row for row in rows if isinstance(row, dict)]
    weakest = min(figures, key=lambda row: _float(row, "e_value"))
    table = Table(
        caption=telling.say("text.hidden_caption"),
        head=tuple(telling.say(f"label.{key}") for key in HEADS),
        rows=tuple(_row(telling, figure) for figure in figures),
        numeric=tuple(range(1, len(HEADS))),
        wide=(0,),
        note=telling.say("text.hidden_note"),
    )
    return (Prose(text=" ".join(_sentences(telling, weakest))), table)


def _float(figure: Figure, name: str) -> float:
    """A number of the evidence; infinite where it is not finite."""
    value = figure.get(name)
    return float(value) if isinstance(value, int | float) else float("inf")


def _apart(telling: Telling, figure: Figure) -> str:
    """What the figure must be moved by, to four digits."""
    return telling.distance(float(f"{_float(figure, 'difference'):.4g}"))


def _sentences(telling: Telling, figure: Figure) -> list[str]:
    """What the figure must be moved by, what that costs, and what it takes."""
    at = {
        "figure": telling.say(f"basis.{figure['figure']}"),
        "value": telling.scale.text(_float(figure, "value")),
        "threshold": telling.scale.text(_float(figure, "threshold")),
        "difference": _apart(telling, figure),
    }
    found = [telling.tell("text.hidden_lead", at)]
    decision = telling.run.decision
    nearest = decision.nearest_threshold
    if decision.distance_money and nearest is not None and float(nearest) == _float(figure, "threshold"):
        found.append(telling.tell("text.hidden_money", {"amount": telling.money(abs(decision.distance_money))}))
    gamma = _float(figure, "gamma")
    if figure.get("gamma") is not None:
        key = (
            "hidden_gamma_none"
            if gamma <= 1.0
            else "hidden_gamma_infinite"
            if gamma == float("inf")
            else "hidden_gamma"
        )
        found.append(telling.tell(f"text.{key}", {"gamma": telling.number(gamma, 2)} if key == "hidden_gamma" else {}))
    found.append(telling.tell("text.hidden_e_value", {"e_value": telling.number(_float(figure, "e_value"), 2)}))
    if figure.get("robustness") is not None:
        share = telling.percent(_float(figure, "robustness"))
        found.append(telling.tell("text.hidden_robustness", {"robustness": share}))
    return found


def _row(telling: Telling, figure: Figure) -> tuple[str, ...]:
    """One figure."""
    none = telling.say("label.none")
    gamma, robustness = _float(figure, "gamma"), figure.get("robustness")
    return (
        telling.say(f"basis_short.{figure['figure']}"),
        telling.scale.text(_float(figure, "threshold")),
        _apart(telling, figure),
        none if figure.get("gamma") is None else "∞" if gamma == float("inf") else telling.number(gamma, 2),
        telling.number(_float(figure, "e_value"), 2),
        none if robustness is None else telling.percent(_float(figure, "robustness")),
    )


SECTION = Section("hidden_bias", build)
