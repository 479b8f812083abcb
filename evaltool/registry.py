"""Finds plug-ins by folder. A file ``estimators/did/group_time.py`` that holds ``PLUGIN`` is ``did.group_time``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TypeVar

from evaltool.errors import Fault, Place, PlanError, did_you_mean
from evaltool.records.mechanism import MechanismPlugin
from evaltool.records.plugins import DesignPlugin, EstimatorPlugin, GatePlugin

P = TypeVar("P", EstimatorPlugin, DesignPlugin, GatePlugin, MechanismPlugin)


def _names(package: str) -> dict[str, str]:
    """Plug-in name → module, for every module below ``package`` whose name does not start with an underscore."""
    root = importlib.import_module(package)
    found: dict[str, str] = {}
    for info in pkgutil.walk_packages(root.__path__, prefix=f"{package}."):
        leaf = info.name.rsplit(".", 1)[-1]
        if not info.ispkg and not leaf.startswith("_"):
            found[info.name.removeprefix(f"{package}.")] = info.name
    return dict(sorted(found.items()))


@cache
def estimator_names() -> dict[str, str]:
    """Estimator name → module."""
    return _names("evaltool.estimators")


@cache
def design_names() -> dict[str, str]:
    """Design name → module."""
    return _names("evaltool.designs")


@cache
def gate_names() -> dict[str, str]:
    """Gate name → module."""
    return _names("evaltool.gates")


@cache
def mechanism_names() -> dict[str, str]:
    """Mechanism name → module."""
    return _names("evaltool.payment.mechanisms")


def _load(kind: type[P], names: dict[str, str], name: str, what: str) -> P:
    """The plug-in called ``name``. Raises PlanError (PLAN_UNKNOWN_METHOD) with a suggestion when none is."""
    if name not in names:
        known = ", ".join(names)
        raise PlanError(
            Fault(
                code="PLAN_UNKNOWN_METHOD",
                cause=f"There is no {what} called '{name}'.",
                fix=f"Use one of: {known}.",
                place=Place(key=what),
                suggestion=did_you_mean(name, list(names)),
            )
        )
    plugin: object = importlib.import_module(names[name]).PLUGIN
    if not isinstance(plugin, kind) or plugin.name != name:
        message = f"{names[name]}.PLUGIN must be a {kind.__name__} named '{name}'"
        raise TypeError(message)
    return plugin


def estimator(name: str) -> EstimatorPlugin:
    """The estimator called ``name``. Raises PlanError."""
    return _load(EstimatorPlugin, estimator_names(), name, "estimator")


def design(name: str) -> DesignPlugin:
    """The design called ``name``. Raises PlanError."""
    return _load(DesignPlugin, design_names(), name, "design")


def gate(name: str) -> GatePlugin:
    """The gate called ``name``. Raises PlanError."""
    return _load(GatePlugin, gate_names(), name, "gate")


def mechanism(name: str) -> MechanismPlugin:
    """The payment mechanism called ``name``. Raises PlanError."""
    return _load(MechanismPlugin, mechanism_names(), name, "mechanism")


def gates() -> tuple[GatePlugin, ...]:
    """Every gate, in the order of the gate table."""
    return tuple(sorted((gate(name) for name in gate_names()), key=lambda g: (g.order, g.name)))
