"""Every replay reaches the published outcome through the plan road, and its plan says what in it is made up."""

from __future__ import annotations

import re
import runpy
from decimal import Decimal
from pathlib import Path

import pytest
from replay_runs import NAMES, REPLAYS, expected, listed, probed, run_of, table

from evaltool.cli.demo import samples
from evaltool.planning.lint import lint
from evaltool.reading.lock_file import lock_status
from evaltool.reading.plan_file import read_plan
from evaltool.records.evidence import EstimateKey
from evaltool.report.blocks import Block, Facts, Prose
from evaltool.report.section import build_section

PROBED = [name for name in NAMES if "probes" in expected(name)]
TIERS = {"none": "NO_PAYMENT", "partial": "PAY_PARTIAL", "complete": "PAY_FULL"}


def text_of(blocks: tuple[Block, ...]) -> str:
    """Everything a reader sees in prose and lists, without the signs of Markdown."""
    found = [block.text for block in blocks if isinstance(block, Prose)]
    found += [value for block in blocks if isinstance(block, Facts) for _label, value in block.items]
    return " ".join(re.sub(r"\\(.)", r"\1", part) for part in found)


def test_there_are_nineteen() -> None:
    assert len(NAMES) == 19


@pytest.mark.parametrize("name", NAMES)
def test_a_replay_ships_locked_and_says_where_it_comes_from(name: str) -> None:
    plan = read_plan(REPLAYS / name / "plan.toml")
    assert lock_status(plan).state == "locked"
    assert plan.programme.id == name
    assert plan.programme.made_up.da
    assert plan.programme.made_up.en
    readme = (REPLAYS / name / "README.md").read_text(encoding="utf-8")
    assert re.search(r"Published|Nothing was published|nothing was published", readme)


@pytest.mark.parametrize("name", NAMES)
def test_a_replay_reaches_what_was_published(name: str) -> None:
    decision, wanted = run_of(name).decision, expected(name)
    assert decision.state == wanted["state"]
    assert decision.amount == Decimal(str(wanted["amount"]))
    assert decision.triggered == Decimal(str(wanted.get("triggered", wanted["amount"])))
    assert decision.currency == wanted["currency"]
    assert list(decision.flags) == wanted["flags"]
    assert list(decision.reasons) == wanted["reasons"]


@pytest.mark.parametrize("name", [name for name in NAMES if "effect" in expected(name)])
def test_a_replay_finds_its_effect(name: str) -> None:
    run = run_of(name)
    scale, outcome = run.plan.estimand.scale, run.plan.outcome_named(run.plan.estimand.outcome)
    found = run.estimate.evidence(direction=outcome.direction, scale=scale)
    assert float(found.point) == pytest.approx(float(str(expected(name)["effect"])), rel=1e-15)


@pytest.mark.parametrize("name", PROBED)
def test_every_probe_through_the_plan_road(name: str, tmp_path: Path) -> None:
    """Amounts, states and tiers for other figures, each typed into the plan."""
    probes, tried = table(name, "probes"), 0
    for figure, amount in listed(probes.get("amounts", [])):
        assert probed(name, figure, tmp_path).decision.amount == Decimal(amount), figure
        tried += 1
    for figure, state in listed(probes.get("states", [])):
        assert probed(name, figure, tmp_path).decision.state == state, figure
        tried += 1
    for figure, tier in listed(probes.get("tiers", [])):
        assert probed(name, figure, tmp_path).decision.state == TIERS[tier], figure
        tried += 1
    assert tried >= 2


@pytest.mark.parametrize("lang", ["da", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_the_report_says_what_was_published_and_what_is_made_up(name: str, lang: str) -> None:
    run = run_of(name)
    made_up = run.plan.programme.made_up.in_language(lang)
    programme = text_of(build_section("programme", run, lang).blocks)
    assert str(expected(name)[f"published_{lang}"]) in programme
    assert made_up in programme
    assert made_up in text_of(build_section("contract", run, lang).blocks)
    assert made_up in text_of(build_section("limitations", run, lang).blocks)


def test_a_programme_without_anything_made_up_says_nothing_of_it() -> None:
    run = run_of("koto")
    programme = run.plan.programme.model_copy(update={"made_up": type(run.plan.programme.made_up)()})
    plain = run.model_copy(update={"plan": run.plan.model_copy(update={"programme": programme})})
    for name in ("programme", "contract", "limitations"):
        assert "made up" not in text_of(build_section(name, plain, "en").blocks).lower()


@pytest.mark.parametrize("lang", ["da", "en"])
def test_eighty_percent_lies_inside_the_exact_interval(lang: str) -> None:
    """15 of 20: 51 to 91 percent."""
    run = run_of("ikast-brande-small-n")
    assert run.estimate.interval is not None
    ends = [round(100 * end) for end in (run.estimate.interval.lower, run.estimate.interval.upper)]
    assert ends == expected("ikast-brande-small-n")["interval_percent_rounded"]
    said = str(expected("ikast-brande-small-n")[f"says_{lang}"])
    for section in ("key_findings", "rule_and_result"):
        assert said in text_of(build_section(section, run, lang).blocks).replace("\u00a0", " ")
    gate = next(gate for gate in run.gates if gate.name == "minimum_sample")
    assert (gate.verdict, gate.reason, gate.overridden) == ("PASS", None, True)


def test_the_blend_and_what_each_estimate_alone_would_have_paid() -> None:
    """0.8 · −0.02 + 0.2 · 0.06 = −0.004."""
    decision = run_of("roca-blend").decision
    blended = next(step for step in decision.trace if step.key == "blend.value")
    assert blended.values["value"] == Decimal(str(expected("roca-blend")["blended_effect"]))
    alone = {other.name: other.state for other in decision.alternatives}
    assert alone["did"] == "PAY_FULL"


def test_the_pooled_figure() -> None:
    trace = run_of("peterborough-pooled").decision.trace
    pooled = next(step for step in trace if step.key == "pooled.value").values["value"]
    wanted = Decimal(str(expected("peterborough-pooled")["pooled_effect"]))
    assert isinstance(pooled, Decimal)
    assert abs(pooled - wanted) <= Decimal("1e-16")


def test_the_published_rates_against_the_last_window_and_the_mean() -> None:
    run = run_of("peterborough-public-did")
    found = {estimate.key.specification: estimate.att for estimate in run.estimates}
    assert found["primary"] == pytest.approx(float(str(expected("peterborough-public-did")["att"])), abs=1e-12)
    mean = table("peterborough-public-did", "specifications")["mean_of_earlier"]
    assert found["mean_of_earlier"] == pytest.approx(float(str(mean)), abs=1e-12)


@pytest.mark.parametrize("name", ["denver-total", "koto", "rikers-tiers"])
def test_what_the_investor_gained(name: str) -> None:
    wanted, found = table(name, "investor"), run_of(name).investor
    assert found is not None
    assert found.waterfall.principal == Decimal(str(wanted["invested"]))
    assert found.waterfall.guaranteed == Decimal(str(wanted.get("guaranteed", 0)))
    assert found.gain == Decimal(str(wanted["gain"]))


def test_what_the_rikers_lender_would_have_gained(tmp_path: Path) -> None:
    """The published returns: even at 10 per cent, 2.112 million dollars at 20."""
    for figure, gain in listed(table("rikers-tiers", "investor")["gains"]):
        found = probed("rikers-tiers", figure, tmp_path).investor
        assert found is not None
        assert found.gain == Decimal(gain), figure


def test_the_parts_of_the_sum() -> None:
    trace = run_of("denver-total").decision.trace
    amounts = {step.values["rule"]: step.values["amount"] for step in trace if step.key == "rule.amount"}
    assert amounts == {rule: Decimal(str(amount)) for rule, amount in table("denver-total", "parts").items()}


def test_the_ratios_of_the_composite() -> None:
    trace = run_of("educate-girls").decision.trace
    ratios = {step.values["outcome"]: step.values["ratio"] for step in trace if step.key == "composite.part"}
    wanted = table("educate-girls", "ratios")
    assert {name: f"{ratio:.2f}" for name, ratio in ratios.items()} == wanted


def test_significance_would_have_paid_nothing() -> None:
    found = {other.name: other.state for other in run_of("nfp-preterm").decision.alternatives}
    for basis, state in table("nfp-preterm", "alternatives").items():
        assert found[basis] == state


def test_too_few_is_undecidable_by_the_size_of_both_groups() -> None:
    run = run_of("small-matched-sample")
    counts, sizes = run.estimate.counts, table("small-matched-sample", "sizes")
    assert {"treated": counts.treated, "comparison": counts.comparison} == sizes
    gate = next(gate for gate in run.gates if gate.name == "minimum_sample")
    assert (gate.verdict, gate.reason, gate.blocks) == ("FAIL", "N_MIN", True)


def test_the_linter_sees_count_and_percent_disagree() -> None:
    wanted = table("aarhus-diabetes-lint", "lint")
    found = [f for f in lint(read_plan(REPLAYS / "aarhus-diabetes-lint" / "plan.toml")) if f.code == wanted["code"]]
    assert {finding.place.key for finding in found} == {"programme.description", "payment.rule[0].terms.stated_share"}
    assert all(str(wanted["says"]) in finding.cause for finding in found)
    for name in NAMES:
        if name != "aarhus-diabetes-lint":
            assert wanted["code"] not in [f.code for f in lint(read_plan(REPLAYS / name / "plan.toml"))]


def test_denver_pays_its_parts_by_outcome() -> None:
    """A count and an effect side by side in one plan keep their kinds."""
    kinds = {e.key: e.kind for e in run_of("denver-total").estimates}
    assert kinds[EstimateKey(outcome="housing_days_first")] == "verified_count"
    assert kinds[EstimateKey(outcome="jail_days")] == "effect"


def test_the_demo_leaves_the_replays_out() -> None:
    assert not [sample.name for sample in samples() if "replays" in sample.name]


def test_the_generator_writes_the_same_bytes(tmp_path: Path) -> None:
    folder = REPLAYS / "small-matched-sample"
    generator = runpy.run_path(str(folder / "generate.py"))
    generator["main"](tmp_path)
    assert (tmp_path / "people.csv").read_bytes() == (folder / "people.csv").read_bytes()
