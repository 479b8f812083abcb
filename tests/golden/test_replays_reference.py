"""The replays say the same as the shared list of cases, figure by figure, so that neither can drift."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from replay_runs import NAMES, REPLAYS, Table, expected, listed, run_of, table

from evaltool.reading.plan_file import read_plan
from evaltool.records.plan.analysis import Option

PER_CENT = Decimal(100)
AMOUNTS = ("expected_amount", "expected_after_offsets")


@pytest.fixture(scope="module")
def cases(reference: Path) -> dict[str, Table]:
    """The cases by id."""
    found = tomllib.loads((reference / "replay_cases.toml").read_text(encoding="utf-8"))["case"]
    return {case["id"]: case for case in found}


def terms(name: str, number: int = 0) -> dict[str, Option]:
    """The terms of one rule of a replay's plan."""
    return read_plan(REPLAYS / name / "plan.toml").payment.rule[number].terms


def published(name: str) -> list[dict[str, Option]]:
    """The published figures of a replay's plan."""
    rows = read_plan(REPLAYS / name / "plan.toml").estimator.options["published"]
    assert isinstance(rows, tuple)
    return [row for row in rows if isinstance(row, dict)]


def number(value: object) -> Decimal:
    return Decimal(str(value))


def many(table: Table, key: str) -> list[object]:
    """A list under a key; empty where there is none."""
    found = table.get(key, [])
    assert isinstance(found, list)
    return found


def tables(found: Option) -> list[dict[str, Option]]:
    """A list of tables in terms."""
    assert isinstance(found, tuple)
    return [item for item in found if isinstance(item, dict)]


def test_every_case_has_its_folder_and_every_folder_its_case(cases: dict[str, Table]) -> None:
    assert sorted(cases) == NAMES


def test_states_amounts_flags_and_reasons(cases: dict[str, Table]) -> None:
    """Flags of the list are all there; the plan may raise more, which ``expected.toml`` names."""
    seen = 0
    for name, case in cases.items():
        wanted = expected(name)
        seen += len({"expected_state", "flags", "reason", "currency", *AMOUNTS} & set(case))
        assert wanted["state"] == case.get("expected_state", wanted["state"]), name
        assert set(many(case, "flags")) <= set(many(wanted, "flags")), name
        assert {case[key] for key in ("reason",) if key in case} <= set(many(wanted, "reasons")), name
        for key in AMOUNTS:
            assert number(case.get(key, wanted["amount"])) == number(wanted["amount"]), name
        if "expected_amount_rounded" in case:
            assert number(case["expected_amount_rounded"]) == number(wanted["amount"]), name
    assert seen >= 15


def test_probes(cases: dict[str, Table]) -> None:
    """The lists of probes are the same lists."""
    named = {"probes": "amounts", "probes_state": "states", "probes_tier": "tiers"}
    found = 0
    for name, case in cases.items():
        for key, own in named.items():
            if key in case:
                assert listed(table(name, "probes")[own]) == listed(case[key]), name
                found += 1
    assert found == 7


def test_effects(cases: dict[str, Table]) -> None:
    first, pooled, rates = (cases[f"peterborough-{name}"] for name in ("cohort-1", "pooled", "public-did"))
    assert expected("peterborough-cohort-1")["effect"] == first["expected_effect"]
    assert [number(row["value"]) for row in published("peterborough-pooled")] == [
        number(value) for value in many(pooled, "cohort_effects")
    ]
    percent = PER_CENT * number(expected("peterborough-pooled")["pooled_effect"])
    assert f"{percent:.1f}" == pooled["expected_effect_rounded_1dp_percent"]
    own = expected("peterborough-public-did")
    assert own["att"] == rates["expected_att_last_pre"]
    assert table("peterborough-public-did", "specifications")["mean_of_earlier"] == rates["expected_att_mean_pre"]
    assert f"{-number(own['effect']):.4f}" == rates["expected_relative_to_last_pre_counterfactual"]
    blend = cases["roca-blend"]
    assert PER_CENT * number(expected("roca-blend")["blended_effect"]) == number(blend["expected_value"])


def test_the_rates_of_peterborough(cases: dict[str, Table]) -> None:
    case = cases["peterborough-public-did"]
    lines = (REPLAYS / "peterborough-public-did" / "interim_rates.csv").read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines[1:]]
    by_prison = {name: [int(row[-1]) for row in rows if row[0] == name] for name in {row[0] for row in rows}}
    assert sorted(by_prison.values(), key=str) == sorted([many(case, "treated"), many(case, "comparison")], key=str)


@pytest.mark.parametrize("name", ["rikers-tiers", "denver-jail-days", "newpin-coupon"])
def test_knots_and_tiers(cases: dict[str, Table], name: str) -> None:
    steps = tables(terms(name).get("tiers", terms(name).get("knots")))
    stated = [(number(step.get("from", step.get("at"))), number(step["amount"])) for step in steps]
    assert stated == [(number(at), number(amount)) for at, amount in listed(cases[name]["knots"])]


@pytest.mark.parametrize("name", ["juvat-equality", "duo-strict", "ikast-brande-small-n", "rikers-tiers"])
def test_at_least_or_more_than(cases: dict[str, Table], name: str) -> None:
    case, rule = cases[name], read_plan(REPLAYS / name / "plan.toml").payment.rule[0]
    assert rule.inclusive is case["inclusive"]
    assert "threshold" not in case or number(rule.terms["threshold"]) == number(case["threshold"])


def test_prices_shares_and_people(cases: dict[str, Table]) -> None:
    assert number(terms("denver-housing-days")["price"]) == number(cases["denver-housing-days"]["price"])
    koto = cases["koto"]
    assert number(terms("koto")["share"]) == number(koto["share"])
    assert number(terms("koto")["people"]) == number(koto["n"])
    assert number(published("koto")[0]["value"]) == number(koto["effect_per_person"])
    for name in ("utah-gross", "utah-with-counterfactual"):
        case, own = cases[name], terms(name)
        for key in ("price", "share"):
            assert number(own[key]) == number(case[key])
        assert Fraction(str(own["expected_rate"])) == Fraction(str(case["counterfactual_failure_rate"]))
        assert number(published(name)[0]["value"]) == number(case["failures"])
        assert published(name)[0]["n_treated"] == case["n"]


def test_denver_in_all(cases: dict[str, Table]) -> None:
    case = cases["denver-total"]
    parts = case["parts"]
    assert isinstance(parts, list)
    assert sorted(map(number, table("denver-total", "parts").values())) == sorted(map(number, parts))
    assert [table("denver-total", "investor")[key] for key in ("invested", "gain")] == [
        case["invested"],
        case["expected_gain"],
    ]
    assert table("koto", "investor")["invested"] == cases["koto"]["invested"]
    assert number(table("koto", "investor")["gain"]) < 0
    assert cases["koto"]["expected_investor"] == "loss"


def test_educate_girls(cases: dict[str, Table]) -> None:
    case, own = cases["educate-girls"], terms("educate-girls")
    parts = tables(own["components"])
    assert [number(part["weight"]) for part in parts] == [number(w) for w in many(case, "weights")]
    assert [number(part["target"]) for part in parts] == [number(t) for t in many(case, "target")]
    assert [number(row["value"]) for row in published("educate-girls")] == [
        number(value) for value in many(case, "achieved")
    ]
    assert (number(own["cap"]), number(own["amount"])) == (number(case["cap"]), number(case["amount_at_target"]))
    assert list(table("educate-girls", "ratios").values()) == case["expected_ratios_rounded"]


def test_the_offsets(cases: dict[str, Table]) -> None:
    case = cases["nfp-preterm"]
    for key in ("partial_from", "complete_from", "partial_amount", "complete_amount"):
        assert number(terms("nfp-preterm")[key]) == number(case[key])
    assert [number(one["amount"]) for one in tables(terms("nfp-preterm", 1)["offsets"])] == [number(case["offsets"])]


def test_the_blend(cases: dict[str, Table]) -> None:
    case = cases["roca-blend"]
    plan = read_plan(REPLAYS / "roca-blend" / "plan.toml")
    assert [part.weight for part in plan.fallback[0].blend] == [number(w) for w in many(case, "weights")]
    assert PER_CENT * number(plan.payment.rule[0].terms["threshold"]) == number(case["threshold"])
    other = tables(plan.sensitivity[0].options["published"])[0]
    estimates = [PER_CENT * number(row["value"]) for row in (published("roca-blend")[0], other)]
    assert estimates == [number(value) for value in many(case, "estimates")]


def test_counts_of_people(cases: dict[str, Table]) -> None:
    small, housing, diabetes = (
        cases[name] for name in ("small-matched-sample", "ikast-brande-small-n", "aarhus-diabetes-lint")
    )
    assert table("small-matched-sample", "sizes") == {"treated": small["n"], "comparison": small["matched"]}
    conventions = run_of("ikast-brande-small-n").estimate.conventions
    assert (conventions["reached"], conventions["of"]) == (housing["successes"], housing["of"])
    own = expected("ikast-brande-small-n")
    assert own["interval_percent_rounded"] == housing["expected_exact_95_interval_percent_rounded"]
    stated = terms("aarhus-diabetes-lint")
    assert (number(stated["count"]), number(stated["of"])) == (number(diabetes["count"]), number(diabetes["of"]))
    assert number(stated["stated_share"]) == number(diabetes["stated_share"])
    assert table("aarhus-diabetes-lint", "lint")["says"] == diabetes["expected_finding"]
