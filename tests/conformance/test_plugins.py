"""What every plug-in must be, whoever wrote it: one suite over all of them."""

from __future__ import annotations

import importlib
import json
import re
import typing
from types import ModuleType

import pytest
from pydantic import ValidationError

from evaltool import registry
from evaltool.records.base import Record
from evaltool.records.mechanism import MechanismPlugin
from evaltool.records.plugins import DesignPlugin, EstimatorPlugin, GatePlugin

FAMILIES = {
    "estimator": (registry.estimator_names(), registry.estimator, EstimatorPlugin, "evaltool.estimators"),
    "design": (registry.design_names(), registry.design, DesignPlugin, "evaltool.designs"),
    "gate": (registry.gate_names(), registry.gate, GatePlugin, "evaltool.gates"),
    "mechanism": (registry.mechanism_names(), registry.mechanism, MechanismPlugin, "evaltool.payment.mechanisms"),
}
ALL = [(family, name) for family, (names, *_) in FAMILIES.items() for name in names]
EXPECTED = {
    "estimator": {
        "counterfactual.augmented",
        "counterfactual.fixed_rate",
        "counterfactual.historical",
        "counterfactual.interactive_effects",
        "counterfactual.interrupted_series",
        "counterfactual.matrix_completion",
        "counterfactual.penalised",
        "counterfactual.forecast",
        "counterfactual.structural_series",
        "counterfactual.synthetic_control",
        "did.event_study",
        "did.extended_twfe",
        "did.group_time",
        "did.imputation",
        "did.sun_abraham",
        "did.synthetic",
        "did.two_stage",
        "did.twfe",
        "did.two_by_two",
        "measured.change",
        "measured.share",
        "measured.verified_count",
        "published.estimate",
        "weighted.bias_corrected",
        "weighted.difference",
        "weighted.doubly_robust",
        "weighted.g_computation",
    },
    "design": {
        "donors.pool",
        "groups.adoption",
        "groups.none",
        "groups.published",
        "matching.coarsened_exact",
        "matching.exact",
        "matching.full",
        "matching.nearest",
        "matching.optimal",
        "matching.subclass",
        "weighting.covariate_balancing",
        "weighting.entropy_balancing",
        "weighting.inverse_propensity",
        "weighting.stable",
        "history.cohort",
        "history.rate",
        "history.series",
    },
    "gate": {
        "attrition",
        "balance",
        "data_maturity",
        "disclosure",
        "effective_sample_size",
        "estimand_changed",
        "few_clusters",
        "hidden_bias",
        "largest_weight_share",
        "leave_one_out",
        "linkage",
        "locked",
        "matched_share",
        "minimum_sample",
        "negative_controls",
        "overlap",
        "placebo_in_space",
        "placebo_in_time",
        "pre_trend",
        "prefit",
        "break_before",
        "dress_rehearsal",
        "second_opinion",
        "tie_range",
    },
    "mechanism": {
        "binary_threshold",
        "cohort_then_pooled",
        "partial_complete",
        "piecewise_linear",
        "step_tiers",
        "unit_tariff",
    },
}
HEADINGS = ("Estimand", "Equation", "Uncertainty", "Assumptions", "Refuses when", "Source", "Reference implementation")


def module_of(family: str, name: str) -> ModuleType:
    return importlib.import_module(FAMILIES[family][0][name])


def options_of(plugin: object) -> type[Record]:
    """The strict model of a plug-in's own options or terms."""
    if isinstance(plugin, MechanismPlugin):
        return plugin.terms
    assert isinstance(plugin, EstimatorPlugin | DesignPlugin | GatePlugin)
    return plugin.options


def models_below(schema: object) -> list[dict[str, object]]:
    """Every object in a JSON schema."""
    found: list[dict[str, object]] = []
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            found.append(schema)
        for value in schema.values():
            found += models_below(value)
    if isinstance(schema, list):
        for value in schema:
            found += models_below(value)
    return found


@pytest.mark.parametrize("family", sorted(EXPECTED))
def test_nothing_expected_is_missing(family: str) -> None:
    assert set(FAMILIES[family][0]) >= EXPECTED[family]


@pytest.mark.parametrize(("family", "name"), ALL)
def test_it_loads_and_its_name_is_its_path(family: str, name: str) -> None:
    _, load, kind, package = FAMILIES[family]
    plugin = load(name)
    assert isinstance(plugin, kind)
    assert plugin.name == name
    assert module_of(family, name).__name__ == f"{package}.{name}"


@pytest.mark.parametrize(("family", "name"), ALL)
def test_options_are_strict_frozen_and_described(family: str, name: str) -> None:
    model = options_of(FAMILIES[family][1](name))
    config = model.model_config
    assert issubclass(model, Record)
    assert config.get("frozen") is True
    assert config.get("extra") == "forbid"
    assert config.get("strict") is True
    schema = model.model_json_schema()
    json.dumps(schema)
    for found in [schema, *models_below(schema)]:
        if "properties" in found:
            assert found.get("additionalProperties") is False


@pytest.mark.parametrize(("family", "name"), ALL)
def test_an_unknown_option_is_refused(family: str, name: str) -> None:
    model = options_of(FAMILIES[family][1](name))
    with pytest.raises(ValidationError, match="extra_forbidden"):
        model.model_validate({"no_such_option": 1})


@pytest.mark.parametrize("name", registry.estimator_names())
def test_an_estimator_documents_itself_under_the_same_headings(name: str) -> None:
    text = module_of("estimator", name).__doc__ or ""
    found = [re.search(rf"^{heading}", text, re.MULTILINE) for heading in HEADINGS]
    assert all(found), [h for h, m in zip(HEADINGS, found, strict=True) if m is None]
    places = [m.start() for m in found if m]
    assert places == sorted(places), "the headings stand in the agreed order"


@pytest.mark.parametrize("name", registry.estimator_names())
def test_an_estimators_capabilities_agree_with_themselves(name: str) -> None:
    plugin = registry.estimator(name)
    can = plugin.capabilities
    assert can.designs
    assert set(can.designs) <= set(registry.design_names())
    assert name.split(".", maxsplit=1)[0] == can.family
    assert can.aggregations
    assert can.minimum_treated >= 1
    if can.placebo_in_time or can.path:
        assert "time" in can.needs
    if can.kind != "effect":
        assert can.minimum_comparison == 0


@pytest.mark.parametrize("name", registry.estimator_names())
def test_an_estimators_options_have_defaults_except_what_only_a_plan_can_know(name: str) -> None:
    model = registry.estimator(name).options
    required = [field for field, info in model.model_fields.items() if info.is_required()]
    assert not required or name == "published.estimate"


@pytest.mark.parametrize("name", registry.gate_names())
def test_a_gate_states_its_source_and_runs_without_options(name: str) -> None:
    gate = registry.gate(name)
    for said in (gate.source.da, gate.source.en):
        assert said is not None
        assert len(said.split()) >= 3
    assert gate.source.da != gate.source.en
    assert gate.consequence in {"block", "review", "stop"}
    gate.options.model_validate({})


def test_gates_have_one_place_each_in_the_table() -> None:
    orders = [gate.order for gate in registry.gates()]
    assert len(set(orders)) == len(orders)


@pytest.mark.parametrize("name", registry.estimator_names())
def test_a_gate_that_does_not_apply_says_why_in_both_languages(name: str, plan_for_gates: object) -> None:
    can = registry.estimator(name).capabilities
    for gate in registry.gates():
        answer = gate.applies(can, plan_for_gates)
        if answer is not None:
            danish, english = answer
            assert danish.endswith(".")
            assert english.endswith(".")
            assert danish != english


@pytest.mark.parametrize("name", registry.mechanism_names())
def test_a_mechanisms_file_shows_its_formula_and_where_it_was_used(name: str) -> None:
    text = module_of("mechanism", name).__doc__ or ""
    assert "Formula:" in text
    assert "Used in:" in text


@pytest.mark.parametrize("name", registry.mechanism_names())
def test_money_in_terms_is_never_binary(name: str) -> None:
    """A threshold of 0.1 must be one tenth: neither the terms nor a table inside them may hold a float."""
    assert "float" not in annotations_below(registry.mechanism(name).terms)


def annotations_below(model: type[Record]) -> str:
    """The annotations of a model's fields and of the models in them, as text."""
    own = [info.annotation for info in model.model_fields.values()]
    inside = [inner for annotation in own for inner in (annotation, *typing.get_args(annotation))]
    models = [inner for inner in inside if isinstance(inner, type) and issubclass(inner, Record)]
    return " ".join([*map(repr, own), *(annotations_below(inner) for inner in models if inner is not model)])
