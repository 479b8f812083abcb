"""What cannot be carried out is refused before data, whole and in its place; what fails afterwards is never hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from evaltool import registry
from evaltool.errors import PlanError, RunError, UsageError
from evaltool.pipeline import checks, evaluate, plan_refusals
from evaltool.reading.panel_file import read_panel
from evaltool.reading.plan_file import read_plan
from evaltool.records.evidence import FEASIBLE
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.plugins import EstimationRequest

HEAD = """schema = 1
[programme]
id = "trial"
version = "1"
title = { en = "Trial" }
start = 2004-01-01
end = 2006-12-31
[parties]
authorities = [{ name = "A", level = "kommune", share = 1 }]
evaluator = { name = "E" }
[population]
eligibility = { en = "all" }
unit = "school"
entry_from = 2004-01-01
entry_to = 2005-12-31
minimum_n = 1
[[outcome]]
id = "absence"
title = { en = "Absence" }
direction = "decrease"
kind = "mean"
unit = { en = "days" }
window_from = 2004-01-01
window_to = 2006-12-31
[estimand]
outcome = "absence"
aggregation = "simple"
[design]
method = "groups.adoption"
[design.options]
[estimator]
method = "did.group_time"
[estimator.options]
covariates = ["poor"]
[payment]
cap = 100
[[payment.rule]]
id = "main"
mechanism = "binary_threshold"
outcome = "absence"
basis = "point_estimate"
inclusive = true
terms = { threshold = "1", amount = "100" }
[disclosure]
profile = "public"
[governance]
as_of = 2007-06-01
decide_from = 2007-02-01
[data]
source = "csv"
path = "data.csv"
vintage = "2007-05-01"
column = [
  { name = "school", role = "unit", type = "integer" },
  { name = "year", role = "time", type = "integer" },
  { name = "start", role = "first_treated", type = "integer" },
  { name = "poor", role = "covariate", type = "number" },
  { name = "absence", role = "outcome", type = "number" },
]
"""


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., EvaluationPlan]:
    """A plan from HEAD: pairs of old and new text, and text to add."""

    def build(*changes: tuple[str, str], add: str = "") -> EvaluationPlan:
        text = HEAD
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the plan"
            text = text.replace(old, new)
        (tmp_path / "plan.toml").write_text(text + add, encoding="utf-8")
        return read_plan(tmp_path / "plan.toml")

    return build


def rows() -> pd.DataFrame:
    """40 schools over 2001 to 2006; ten start in 2004 and ten in 2005; absence falls by two from the start."""
    found = []
    for school in range(40):
        start = {0: 2004, 1: 2005}.get(school % 4, 0)
        for year in range(2001, 2007):
            noise = ((school * 7 + year * 13) % 11) / 11
            value = 20 + 0.1 * school + 0.3 * (year - 2001) + noise - (2 if start and year >= start else 0)
            found.append((school, year, start, (school * 37) % 17 / 10, round(value, 4)))
    return pd.DataFrame(found, columns=["school", "year", "start", "poor", "absence"])


def places(plan: EvaluationPlan) -> list[tuple[str, str | None]]:
    return [(fault.code, fault.place.key) for fault in plan_refusals(plan)]


Planned = Callable[..., EvaluationPlan]


def test_a_good_plan_is_not_refused(planned: Planned) -> None:
    assert plan_refusals(planned()) == ()


def test_unknown_methods_of_every_kind_are_told_at_once_in_their_places(planned: Planned) -> None:
    plan = planned(
        ('"did.group_time"', '"did.grup_time"'),
        ('"groups.adoption"', '"groups.adaption"'),
        ('"binary_threshold"', '"binary_treshold"'),
        add='[[gate]]\nname = "pre_trends"\n[[sensitivity]]\nid = "other"\nmethod = "did.two_by_too"\n',
    )
    faults = plan_refusals(plan)
    assert [(f.code, f.place.key, f.suggestion) for f in faults] == [
        ("PLAN_UNKNOWN_METHOD", "estimator.method", "did.group_time"),
        ("PLAN_UNKNOWN_METHOD", "design.method", "groups.adoption"),
        ("PLAN_UNKNOWN_METHOD", "payment.rule[0].mechanism", "binary_threshold"),
        ("PLAN_UNKNOWN_METHOD", "gate[0].name", "pre_trend"),
        ("PLAN_UNKNOWN_METHOD", "sensitivity[0].method", "did.two_by_two"),
    ]


def test_bad_options_of_every_table_are_told_at_once(planned: Planned) -> None:
    plan = planned(
        ("[design.options]", "[design.options]\nexclude = 3"),
        ('covariates = ["poor"]', 'anticipaton = 1\nmethod = "ols"'),
        ('threshold = "1"', 'treshold = "1"'),
        add='[[gate]]\nname = "pre_trend"\nreason = "agreed"\nsigned_by = "A"\noptions = { periods_back = 2 }\n'
        '[[sensitivity]]\nid = "s"\noptions = { anticipation = -1 }\n',
    )
    found = places(plan)
    assert found == [
        ("PLAN_BAD_OPTION", "estimator.options.method"),
        ("PLAN_UNKNOWN_OPTION", "estimator.options.anticipaton"),
        ("PLAN_UNKNOWN_OPTION", "design.options.exclude"),
        ("PLAN_MISSING_OPTION", "payment.rule[0].terms.threshold"),
        ("PLAN_UNKNOWN_OPTION", "payment.rule[0].terms.treshold"),
        ("PLAN_UNKNOWN_OPTION", "gate[0].options.periods_back"),
        ("PLAN_BAD_OPTION", "sensitivity[0].options.anticipation"),
    ]


def test_a_sensitivity_repeats_its_own_faults_only(planned: Planned) -> None:
    """It takes the primary's options over; the primary's typing error is told once, its own of the same name too."""
    add = '[[sensitivity]]\nid = "s"\noptions = { anticipation = 1 }\n'
    assert places(planned(('covariates = ["poor"]', "anticipaton = 1"), add=add)) == [
        ("PLAN_UNKNOWN_OPTION", "estimator.options.anticipaton")
    ]
    add = '[[sensitivity]]\nid = "s"\noptions = { anticipaton = 2 }\n'
    assert places(planned(('covariates = ["poor"]', "anticipaton = 1"), add=add)) == [
        ("PLAN_UNKNOWN_OPTION", "estimator.options.anticipaton"),
        ("PLAN_UNKNOWN_OPTION", "sensitivity[0].options.anticipaton"),
    ]


def test_covariates_that_no_column_declares(planned: Planned) -> None:
    plan = planned(
        ('covariates = ["poor"]', 'covariates = ["por"]'),
        add='[[sensitivity]]\nid = "s"\noptions = { covariates = ["poor", "richh"] }\n',
    )
    (own,) = plan_refusals(plan)
    assert (own.code, own.place.key) == ("PLAN_UNKNOWN_COVARIATE", "sensitivity[0].options.covariates")
    assert "'richh'" in own.cause
    (primary,) = plan_refusals(planned(('covariates = ["poor"]', 'covariates = ["por"]')))
    assert (primary.place.key, primary.suggestion) == ("estimator.options.covariates", "poor")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([('"groups.adoption"', '"groups.none"')], [("design.method", "does not work with the design groups.none")]),
        (
            [('"did.group_time"', '"did.two_by_two"'), ('"simple"', '"calendar"')],
            [("estimand.aggregation", "has no aggregation 'calendar'")],
        ),
        (
            [('aggregation = "simple"', 'aggregation = "simple"\ntarget = "NONE"')],
            [("estimand.target", "estimates 'effect', not 'NONE'")],
        ),
    ],
)
def test_what_the_method_cannot_do(
    planned: Planned, changes: list[tuple[str, str]], expected: list[tuple[str, str]]
) -> None:
    faults = [f for f in plan_refusals(planned(*changes)) if f.code == "PLAN_METHOD_CANNOT"]
    assert [f.place.key for f in faults] == [key for key, _ in expected]
    for fault, (_, said) in zip(faults, expected, strict=True):
        assert said in fault.cause
        assert fault.fix


def test_a_measurement_is_refused_where_an_effect_is_asked_for(planned: Planned) -> None:
    plan = planned(
        ('"did.group_time"', '"measured.change"'),
        ('"groups.adoption"', '"groups.none"'),
        ('covariates = ["poor"]', ""),
    )
    (target,) = [f for f in plan_refusals(plan) if f.place.key == "estimand.target"]
    assert "estimates 'change', not 'ATT'" in target.cause
    assert target.fix == "Use target = 'NONE'."


def test_columns_the_method_needs(planned: Planned) -> None:
    plan = planned(('  { name = "start", role = "first_treated", type = "integer" },\n', ""))
    found = [f for f in plan_refusals(plan) if f.place.key == "data.column"]
    assert [f.cause for f in found] == ["did.group_time needs a column with role 'first_treated'."]


def test_a_sensitivity_whose_method_lacks_the_average_it_is_to_show(planned: Planned) -> None:
    """Shown anyway, a plain average would stand under another average's name."""
    add = '[[sensitivity]]\nid = "s"\nmethod = "did.two_by_two"\noptions = { covariates = [] }\naggregation = "group"\n'
    (fault,) = plan_refusals(planned(add=add))
    assert (fault.code, fault.place.key) == ("PLAN_METHOD_CANNOT", "sensitivity[0].aggregation")
    (inherited,) = plan_refusals(planned(('"simple"', '"dynamic"'), add=add.replace('aggregation = "group"\n', "")))
    assert inherited.cause == "did.two_by_two has no aggregation 'dynamic'."
    assert plan_refusals(planned(('"simple"', '"dynamic"'), add=add.replace('"group"', '"simple"'))) == ()


def test_a_sensitivity_whose_method_lacks_its_columns(planned: Planned) -> None:
    add = '[[sensitivity]]\nid = "s"\nmethod = "weighted.difference"\naggregation = "simple"\n'
    add += 'options = { covariates = ["poor"] }\n'
    found = plan_refusals(planned(add=add))
    assert found
    assert all("weighted.difference" in f.cause or f.place.key.startswith("design.options") for f in found)  # type: ignore[union-attr]


def test_nothing_runs_on_a_refused_plan(planned: Planned) -> None:
    with pytest.raises(PlanError) as caught:
        evaluate(planned(('"did.group_time"', '"did.grup_time"')), None)
    assert caught.value.codes == ("PLAN_UNKNOWN_METHOD",)


def test_without_a_stated_date_nothing_is_decided(planned: Planned, tmp_path: Path) -> None:
    rows().to_csv(tmp_path / "data.csv", index=False)
    plan = planned(("as_of = 2007-06-01\n", ""))
    with pytest.raises(UsageError) as caught:
        evaluate(plan, read_panel(plan))
    assert caught.value.codes == ("USAGE_NO_DATE",)
    assert evaluate(plan, read_panel(plan), as_of=date(2007, 6, 1)).as_of == date(2007, 6, 1)


def test_a_sensitivity_that_fails_is_reported_with_its_reason_and_the_others_stand(
    planned: Planned, tmp_path: Path
) -> None:
    """Two starts are too many for two by two: only the data can tell."""
    rows().to_csv(tmp_path / "data.csv", index=False)
    add = '[[sensitivity]]\nid = "two"\nmethod = "did.two_by_two"\n'
    add += '[[sensitivity]]\nid = "never"\noptions = { control_group = "never_treated" }\n'
    plan = planned(add=add)
    assert plan_refusals(plan) == ()
    run = evaluate(plan, read_panel(plan))
    assert list(run.failed_specifications) == ["two"]
    assert run.failed_specifications["two"].startswith("RUN_SEVERAL_STARTS: Units start in 2 different periods")
    agreed = [e for e in run.estimates if not e.key.specification.startswith(FEASIBLE)]
    assert [str(e.key) for e in agreed] == ["absence/all/never", "absence/all/primary"]


def test_a_sensitivity_may_have_another_design(planned: Planned, tmp_path: Path) -> None:
    """The change of the schools that started, before and after, is the effect plus everybody's trend."""
    frame = rows()
    frame.to_csv(tmp_path / "data.csv", index=False)
    add = '[[sensitivity]]\nid = "before_after"\nmethod = "measured.change"\naggregation = "none"\n'
    plan = planned(add=add)
    run = evaluate(plan, read_panel(plan))
    assert not run.failed_specifications
    change = next(e for e in run.estimates if e.key.specification == "before_after")
    assert change.method == "measured.change"
    assert run.estimate.att < change.att, "absence rises by 0.3 a year for everybody, so the plain change falls less"


def test_a_second_opinion_that_disagrees_stops_the_run(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows().to_csv(tmp_path / "data.csv", index=False)
    plan = planned()
    real = registry.estimator("did.group_time")
    assert real.second_opinion is not None
    opinion = real.second_opinion

    def other(request: EstimationRequest) -> object:
        found = opinion(request)
        return found.model_copy(update={"value": found.value + 0.01})

    known = registry.estimator
    swapped = replace(real, second_opinion=other)  # type: ignore[arg-type]
    monkeypatch.setattr(registry, "estimator", lambda name: swapped if name == real.name else known(name))
    with pytest.raises(RunError) as caught:
        evaluate(plan, read_panel(plan))
    (fault,) = caught.value.faults
    assert fault.place.key == "gate second_opinion"
    assert fault.code.startswith("RUN_")


def test_thresholds_of_another_outcome_are_not_the_headlines(planned: Planned) -> None:
    second = HEAD[HEAD.index("[[outcome]]") : HEAD.index("[estimand]")].replace('"absence"', '"grades"')
    rule = HEAD[HEAD.index("[[payment.rule]]") : HEAD.index("[disclosure]")]
    rule = rule.replace('"main"', '"second"').replace('"absence"', '"grades"').replace('"1"', '"7.5"')
    columns = """role = "outcome", outcome = "absence", type = "number" },
  { name = "grades", role = "outcome", outcome = "grades", type = "number" },
"""
    plan = planned(('role = "outcome", type = "number" },\n', columns), add=second + rule)
    assert checks.headline_thresholds(plan) == (1.0,)
    turned = plan.model_copy(update={"estimand": plan.estimand.model_copy(update={"outcome": "grades"})})
    assert checks.headline_thresholds(turned) == (7.5,)
