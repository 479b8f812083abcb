"""Finished runs built by hand, one per situation a report must be honest about. Numbers are invented and consistent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from evaltool.payment.trace import Value, step
from evaltool.records.base import Words
from evaltool.records.decision import Alternative, Decision, PayerShare, StepRecord
from evaltool.records.design import DesignCohort, DesignSummary
from evaltool.records.estimate import Counts, Element, Estimate, Interval, Relative, SecondOpinion, SeriesPoint
from evaltool.records.evidence import EstimateKey
from evaltool.records.gate import GateResult
from evaltool.records.ledger import Ledger, LedgerEntry
from evaltool.records.lock import LockStatus
from evaltool.records.panel import DataIdentity
from evaltool.records.plan.evaluation_plan import EvaluationPlan
from evaltool.records.run import NumericProfile, Run

SEAL = "3f" * 32
Z = 1.959963984540054


def school_plan(**changes: object) -> EvaluationPlan:
    """Staggered start over 24 schools, step tiers on the relative fall in absence."""
    raw: dict[str, object] = {
        "schema": 1,
        "programme": {
            "id": "skolefravaer-2023",
            "version": "1.2",
            "title": {"da": "Tilbage i skole", "en": "Back to School"},
            "description": {
                "da": "Fraværsteam på skolerne følger op på bekymrende fravær inden for ti skoledage.",
                "en": "Attendance teams at the schools follow up on worrying absence within ten school days.",
            },
            "area": "children_and_young_people",
            "start": "2023-01-01",
            "end": "2024-12-31",
            "currency": "DKK",
        },
        "parties": {
            "authorities": [
                {"name": "Aaby Kommune", "level": "kommune", "share": "0.8"},
                {"name": "Region Øst", "level": "region", "share": "0.2"},
            ],
            "investors": [{"name": "Den Sociale Fond"}],
            "provider": {"name": "Foreningen Fremmøde"},
            "evaluator": {"name": "Uvildig Analyse ApS"},
        },
        "population": {
            "eligibility": {
                "da": "Elever i 4.–9. klasse på kommunens folkeskoler.",
                "en": "Pupils in grades 4–9 at the municipality's public schools.",
            },
            "unit": "school",
            "entry_from": "2023-03-01",
            "entry_to": "2023-09-30",
            "target_n": 3600,
            "minimum_n": 12,
        },
        "data": {
            "source": "csv",
            "path": "absence.csv",
            "vintage": "Udtræk pr. 15. januar 2025",
            "column": [
                {"name": "skole", "role": "unit", "type": "text"},
                {"name": "måned", "role": "time", "type": "integer"},
                {"name": "fravær", "role": "outcome", "type": "number", "outcome": "absence"},
            ],
        },
        "outcome": [
            {
                "id": "absence",
                "title": {"da": "Fravær", "en": "Absence"},
                "definition": {
                    "da": "Fraværsdage pr. elev og måned ifølge skolernes indberetning.",
                    "en": "Days of absence per pupil and month as reported by the schools.",
                },
                "direction": "decrease",
                "kind": "mean",
                "unit": {"da": "fraværsdage pr. elev og måned", "en": "days of absence per pupil and month"},
                "window_from": "2023-03-01",
                "window_to": "2024-12-31",
                "matures_on": "2025-01-15",
                "verifier": "Styrelsen for It og Læring",
            }
        ],
        "estimand": {
            "target": "ATT",
            "outcome": "absence",
            "scale": "relative",
            "denominator": "counterfactual",
            "aggregation": "simple",
        },
        "design": {"method": "groups.adoption"},
        "estimator": {"method": "did.group_time", "options": {"control_group": "not_yet_treated"}},
        "inference": {"level": "0.95", "seed": 7},
        "payment": {
            "rule": [
                {
                    "id": "absence_tiers",
                    "mechanism": "step_tiers",
                    "outcome": "absence",
                    "basis": "point_estimate",
                    "inclusive": True,
                    "terms": {
                        "tiers": [
                            {"from": "0.05", "amount": "2400000"},
                            {"from": "0.10", "amount": "4800000"},
                            {"from": "0.15", "amount": "7200000"},
                        ]
                    },
                }
            ],
            "cap": "7200000",
        },
        "sensitivity": [
            {
                "id": "never_treated",
                "title": {"da": "Kun skoler, der aldrig starter", "en": "Only schools that never start"},
            },
            {"id": "regression", "title": {"da": "Regressionsjustering", "en": "Regression adjustment"}},
        ],
        "governance": {"decide_from": "2025-01-31", "dispute_days": 30, "expert": "Professor N.N."},
    }
    raw.update(changes)
    return EvaluationPlan.from_json(raw)  # type: ignore[arg-type]


def _interval(value: float, se: float) -> Interval:
    return Interval(lower=value - Z * se, upper=value + Z * se, level=0.95)


def _path() -> tuple[Element, ...]:
    shape = [(-5, 0.004), (-4, -0.012), (-3, 0.015), (-2, -0.006), (-1, 0.0)]
    shape += [(k, -0.03 - 0.1 * (1 - math.exp(-k / 2))) for k in range(12)]
    cells = []
    for event, att in shape:
        reference = event == -1
        se = None if reference else 0.02 + 0.0012 * abs(event)
        cells.append(
            Element(
                kind="event",
                element=event,
                label=str(event),
                att=att,
                se=se,
                interval=None if se is None else _interval(att, se),
                p_value=None if se is None else 0.31 if event < 0 else 0.0004,
                n_treated=12,
                n_comparison=12,
                reference=reference,
            )
        )
    return tuple(cells)


def _series() -> tuple[SeriesPoint, ...]:
    points = []
    for month in range(1, 25):
        season = 0.12 * math.sin(month / 12 * 2 * math.pi)
        label = f"{2023 + (month - 1) // 12}-{(month - 1) % 12 + 1:02d}"
        effect = 0.0 if month < 7 else -0.12
        points.append(SeriesPoint(arm="treated", period=month, label=label, mean=1.02 + season + effect, units=12))
        points.append(SeriesPoint(arm="comparison", period=month, label=label, mean=0.93 + season, units=12))
    return tuple(points)


def school_estimate(specification: str = "primary", att: float = -0.118) -> Estimate:
    """A group-time estimate: a fall of 12.4 per cent."""
    se, expected = 0.0182, 0.951
    share, share_se = att / expected, 0.0191
    return Estimate(
        key=EstimateKey(outcome="absence", specification=specification),
        method="did.group_time",
        kind="effect",
        estimand="ATT, simple",
        unit="days of absence per pupil and month",
        att=att,
        se=se,
        interval=_interval(att, se),
        p_value=1.2e-9,
        statistic=att / se,
        counts=Counts(
            treated=12, comparison=12, observations=576, treated_weight=3600.0, comparison_weight=3510.0, clusters=24
        ),
        observed=expected + att,
        counterfactual=expected,
        baseline=1.02,
        relative=Relative(
            value=share,
            se=share_se,
            interval=_interval(share, share_se),
            denominator="counterfactual",
            denominator_value=expected,
        ),
        path=_path(),
        groups=tuple(
            Element(
                kind="group",
                element=g,
                label=f"2023-{g:02d}",
                att=a,
                se=0.02,
                interval=_interval(a, 0.02),
                n_treated=4,
                weight=1 / 3,
            )
            for g, a in ((3, -0.13), (6, -0.12), (9, -0.105))
        ),
        series=_series(),
        conventions={
            "se": "influence",
            "clusters": 24,
            "control_group": "not_yet_treated",
            "base_period": "universal",
            "anticipation": 0,
            "method": "dr",
            "df": None,
        },
    )


def _gate(name: str, verdict: str, statistic: float | None, threshold: float | None, **more: object) -> GateResult:
    raw: dict[str, object] = {
        "name": name,
        "verdict": verdict,
        "consequence": more.pop("consequence", "block"),
        "statistic": statistic,
        "statistic_name": Words(da="Statistik", en="Statistic"),
        "threshold": threshold,
        "unit": Words(da="enheder", en="units"),
        "sentence": Words(da="Kontrollen er udført som aftalt.", en="The check was carried out as agreed."),
        "source": Words(da="Aftalen, bilag 3", en="Contract, annex 3"),
        **more,
    }
    return GateResult.model_validate(raw)


def school_gates() -> tuple[GateResult, ...]:
    """Passed, to be judged, and not applicable."""
    return (
        _gate(
            "locked",
            "PASS",
            1.0,
            1.0,
            statistic_name=Words(da="Segl fundet", en="Seals found"),
            unit=Words(da="segl", en="seals"),
            sentence=Words(
                da="Planen var låst før brug og er uændret.", en="The plan was locked before use and is unchanged."
            ),
        ),
        _gate(
            "minimum_sample",
            "PASS",
            12.0,
            12.0,
            statistic_name=Words(da="Skoler med indsats", en="Treated schools"),
            unit=Words(da="skoler", en="schools"),
            sentence=Words(
                da="12 skoler mod mindst 12; mindste påviselige effekt er 0,051 fraværsdage.",
                en="12 schools against at least 12; the minimum detectable effect is 0.051 days.",
            ),
        ),
        _gate(
            "pre_trend",
            "REVIEW",
            0.41,
            0.05,
            consequence="review",
            reason="PRETREND_REVIEW",
            statistic_name=Words(da="p-værdi, fælles test", en="p-value, joint test"),
            unit=Words(da="sandsynlighed", en="probability"),
            sentence=Words(
                da="Intet tyder på forskellige tendenser før start, men testen har kun 46 pct. styrke.",
                en="Nothing suggests different trends before the start, but the test has only 46% power.",
            ),
        ),
        _gate(
            "few_clusters",
            "PASS",
            24.0,
            10.0,
            consequence="review",
            statistic_name=Words(da="Effektive klynger", en="Effective clusters"),
            unit=Words(da="klynger", en="clusters"),
        ),
        _gate(
            "disclosure",
            "NOT_APPLICABLE",
            None,
            None,
            sentence=Words(da="Data er offentlige.", en="The data are public."),
        ),
    )


def _steps(stop: str | None = None) -> tuple[StepRecord, ...]:
    keys = ("due", "locked", "gates", "mechanism", "combination", "sign_off", "sensitivity", "tie")
    records, stopped = [], False
    for number, key in enumerate(keys, start=1):
        outcome = "STOP" if key == stop else "NOT_APPLICABLE" if stopped else "PASS" if number < 4 else "APPLIED"
        stopped = stopped or key == stop
        records.append(StepRecord(number=number, key=key, outcome=outcome))
    return tuple(records)


def _step(key: str, values: Mapping[str, Value]) -> object:
    return step(key, values)


def school_decision() -> Decision:
    """Second of three tiers, provisional until the pre-trend is signed off."""
    d, rule = Decimal, "absence_tiers"
    amount = d("4800000")
    trace = (
        step(
            "rule.start",
            {
                "rule": rule,
                "mechanism": "step_tiers",
                "outcome": "absence",
                "basis": "point_estimate",
                "inclusive": True,
            },
        ),
        step(
            "rule.evidence",
            {
                "rule": rule,
                "cohort": "all",
                "specification": "primary",
                "kind": "effect",
                "point": d("0.12407991587802314"),
                "lower": d("0.0866"),
                "standard_error": d("0.0191"),
                "units": 12,
            },
        ),
        step(
            "rule.basis_value",
            {"rule": rule, "cohort": "all", "basis": "point_estimate", "value": d("0.12407991587802314")},
        ),
        step(
            "rule.threshold",
            {
                "rule": rule,
                "cohort": "all",
                "value": d("0.12407991587802314"),
                "operator": ">=",
                "threshold": d("0.10"),
                "distance": d("0.02407991587802314"),
                "reached": True,
            },
        ),
        step(
            "rule.threshold",
            {
                "rule": rule,
                "cohort": "all",
                "value": d("0.12407991587802314"),
                "operator": ">=",
                "threshold": d("0.15"),
                "distance": d("-0.02592008412197686"),
                "reached": False,
            },
        ),
        step("tier.reached", {"rule": rule, "from": d("0.10"), "amount": amount}),
        step("rule.amount", {"rule": rule, "amount": amount, "maximum": d("7200000"), "tier": "partial"}),
        step("combine.sum", {"rules": 1, "amount": amount}),
        step("cap.contract", {"cap": d("7200000"), "before": amount, "after": amount}),
        step("offset", {"offset": d(0), "before": amount, "after": amount}),
        step("rounding", {"quantum": d("0.01"), "mode": "half_even", "before": amount, "after": amount}),
        step("split", {"payer": "Aaby Kommune", "level": "kommune", "share": d("0.8"), "amount": d("3840000.00")}),
        step("split", {"payer": "Region Øst", "level": "region", "share": d("0.2"), "amount": d("960000.00")}),
    )
    return Decision(
        state="PAY_PARTIAL",
        flags=("PROVISIONAL",),
        reasons=("PRETREND_REVIEW",),
        basis="point_estimate",
        amount=amount,
        triggered=amount,
        maximum=d("7200000"),
        currency="DKK",
        per_payer=(
            PayerShare(payer="Aaby Kommune", level="kommune", share=d("0.8"), amount=d("3840000.00")),
            PayerShare(payer="Region Øst", level="region", share=d("0.2"), amount=d("960000.00")),
        ),
        steps=_steps(),
        trace=trace,
        alternatives=(
            Alternative(name="point_estimate", kind="basis", state="PAY_PARTIAL", amount=amount, point=d("0.1240799")),
            Alternative(name="lower_bound", kind="basis", state="PAY_PARTIAL", amount=d("2400000"), point=d("0.0866")),
            Alternative(
                name="significant_and_point", kind="basis", state="PAY_PARTIAL", amount=amount, point=d("0.1240799")
            ),
            Alternative(
                name="never_treated", kind="specification", state="PAY_PARTIAL", amount=amount, point=d("0.1188")
            ),
            Alternative(
                name="regression", kind="specification", state="PAY_PARTIAL", amount=d("2400000"), point=d("0.0974")
            ),
        ),
        nearest_threshold=d("0.10"),
        distance=d("0.0240799"),
    )


def school_run() -> Run:
    """The full case."""
    plan = school_plan()
    return Run(
        plan=plan,
        plan_seal=plan.seal,
        lock=LockStatus(state="locked", seal=plan.seal),
        as_of=date(2025, 2, 1),
        data=DataIdentity(
            source="absence.csv",
            fingerprint=SEAL,
            rows=576,
            units=25,
            periods=tuple(f"2023-{m:02d}" for m in range(1, 13)),
            never_coding="empty",
            columns=("skole", "måned", "fravær"),
        ),
        ledger=Ledger().plus(
            LedgerEntry(
                stage="design", reason="always_treated", what="unit", arm="treated", count=1, detail="cohort 1"
            ),
            LedgerEntry(
                stage="reading", reason="missing_value_row", what="row", arm="unknown", count=7, detail="fravær"
            ),
        ),
        design=DesignSummary(
            method="groups.adoption",
            comparison="not_yet_treated",
            cohorts=(
                DesignCohort(label="2023-03", start=3, units=4, weight=1200.0),
                DesignCohort(label="2023-06", start=6, units=4, weight=1200.0),
                DesignCohort(label="2023-09", start=9, units=4, weight=1200.0),
                DesignCohort(label="never", start=None, units=12, weight=3510.0),
            ),
            periods=24,
            seal="ab" * 32,
            submitted_units=25,
            analysed_units=24,
        ),
        estimates=(school_estimate(), school_estimate("never_treated", -0.113), school_estimate("regression", -0.0926)),
        second_opinion=SecondOpinion(value=-0.118, by="Slice means against linearmodels.PanelOLS"),
        gates=school_gates(),
        decision=school_decision(),
        seed=7,
        versions={"evaltool": "0.1.0", "numpy": "2.4.6", "python": "3.11.2"},
        profile=NumericProfile(pinned=True, settings={"OPENBLAS_CORETYPE": "Haswell"}),
    )


def _changed(run: Run, **changes: object) -> Run:
    return run.model_copy(update=changes)


def _undecided(state: str, reasons: tuple[str, ...], stop: str) -> Decision:
    zero = Decimal(0)
    return Decision(
        state=state,
        reasons=reasons,
        basis="point_estimate",
        amount=zero,
        triggered=zero,
        maximum=Decimal(7200000),
        currency="DKK",
        steps=_steps(stop),
        alternatives=(Alternative(name="point_estimate", kind="basis", state=None, amount=None, absent="no_estimate"),),
    )


def undecidable_run() -> Run:
    """The minimum sample fails and the contract has no fallback."""
    gates = (
        school_gates()[0],
        _gate(
            "minimum_sample",
            "FAIL",
            9.0,
            12.0,
            reason="N_MIN",
            statistic_name=Words(da="Skoler med indsats", en="Treated schools"),
            unit=Words(da="skoler", en="schools"),
            sentence=Words(da="9 skoler mod mindst 12.", en="9 schools against at least 12."),
        ),
        *school_gates()[2:],
    )
    return _changed(school_run(), gates=gates, decision=_undecided("NOT_DECIDABLE", ("N_MIN",), "gates"))


def not_yet_due_run() -> Run:
    """Asked too early."""
    return _changed(
        school_run(), as_of=date(2024, 11, 1), decision=_undecided("NOT_YET_DUE", ("DATA_IMMATURE",), "due")
    )


def unlocked_run() -> Run:
    """Never locked."""
    decision = _undecided("NOT_DECIDABLE", ("PLAN_UNLOCKED",), "locked")
    return _changed(school_run(), lock=LockStatus(state="never_locked"), decision=decision)


def no_payment_run() -> Run:
    """The lowest threshold is missed; the interval covers zero."""
    zero = Decimal(0)
    estimate = school_estimate(att=-0.02)
    decision = school_decision().model_copy(
        update={
            "state": "NO_PAYMENT",
            "amount": zero,
            "triggered": zero,
            "flags": ("DECISION_FRAGILE",),
            "reasons": (),
            "per_payer": (
                PayerShare(payer="Aaby Kommune", level="kommune", share=Decimal("0.8"), amount=zero),
                PayerShare(payer="Region Øst", level="region", share=Decimal("0.2"), amount=zero),
            ),
        }
    )
    return _changed(school_run(), estimates=(estimate,), decision=decision)


def tariff_run() -> Run:
    """Verified housing days at a price each: no counterfactual at all."""
    d, rule, amount = Decimal, "days", Decimal(1250000)
    plan = school_plan(
        programme={
            "id": "hjem-foerst",
            "version": "2",
            "title": {"da": "Hjem først", "en": "Home First"},
            "area": "well_being",
            "start": "2022-01-01",
            "end": "2024-12-31",
        },
        outcome=[
            {
                "id": "days",
                "title": {"da": "Nætter i egen bolig", "en": "Nights in own home"},
                "direction": "increase",
                "kind": "count",
                "unit": {"da": "nætter", "en": "nights"},
                "window_from": "2022-01-01",
                "window_to": "2024-12-31",
                "verifier": "Boligkontoret",
            }
        ],
        estimand={"target": "NONE", "outcome": "days"},
        design={"method": "groups.none"},
        estimator={"method": "measured.verified_count"},
        payment={
            "rule": [
                {
                    "id": "days",
                    "mechanism": "unit_tariff",
                    "outcome": "days",
                    "basis": "point_estimate",
                    "terms": {"price": "50"},
                    "cap": "1250000",
                }
            ]
        },
        sensitivity=[],
    )
    estimate = Estimate(
        key=EstimateKey(outcome="days"),
        method="measured.verified_count",
        kind="verified_count",
        estimand="verified_count",
        unit="nights",
        att=26000.0,
        se=None,
        absent="VERIFIED_COUNT",
        counts=Counts(treated=66, comparison=0, observations=66),
        conventions={},
    )
    trace = (
        step(
            "rule.start",
            {"rule": rule, "mechanism": "unit_tariff", "outcome": "days", "basis": "point_estimate", "inclusive": None},
        ),
        step(
            "rule.evidence",
            {
                "rule": rule,
                "cohort": "all",
                "specification": "primary",
                "kind": "verified_count",
                "point": d(26000),
                "lower": None,
                "standard_error": None,
                "units": 66,
            },
        ),
        step("tariff.units", {"rule": rule, "units": d(26000), "maximum_units": None, "paid_units": d(26000)}),
        step("tariff.amount", {"rule": rule, "paid_units": d(26000), "price": d(50), "amount": d(1300000)}),
        step("tariff.cap", {"rule": rule, "cap": amount, "before": d(1300000), "after": amount}),
        step("combine.sum", {"rules": 1, "amount": amount}),
    )
    decision = Decision(
        state="PAY_FULL",
        flags=("CAPPED", "NO_COUNTERFACTUAL"),
        basis="point_estimate",
        amount=amount,
        triggered=amount,
        maximum=amount,
        currency="DKK",
        steps=_steps(),
        trace=trace,
        per_payer=(PayerShare(payer="Aaby Kommune", level="kommune", share=d(1), amount=amount),),
        alternatives=(
            Alternative(name="point_estimate", kind="basis", state="PAY_FULL", amount=amount, point=d(26000)),
            Alternative(name="lower_bound", kind="basis", state=None, amount=None, absent="no_lower_bound"),
        ),
    )
    return _changed(
        school_run(),
        plan=plan,
        plan_seal=plan.seal,
        estimates=(estimate,),
        gates=school_gates()[:1],
        decision=decision,
        design=DesignSummary(
            method="groups.none",
            comparison="none",
            cohorts=(DesignCohort(label="2022", start=1, units=66, weight=66.0),),
            seal="cd" * 32,
            submitted_units=66,
            analysed_units=66,
        ),
        second_opinion=None,
        ledger=Ledger(),
    )


def cohort_run(*, early: bool = True) -> Run:
    """Published estimates for two cohorts: the first carried forward, then the pooled test."""
    d = Decimal
    plan = school_plan(
        programme={
            "id": "resettlement",
            "version": "1",
            "title": {"en": "Resettlement of prisoners"},
            "start": "2010-09-09",
            "end": "2015-06-30",
            "currency": "GBP",
            "source": "Published evaluation, 2014 and 2017",
        },
        population={
            "eligibility": {"en": "Men who left the prison after a sentence under 12 months."},
            "unit": "person",
            "entry_from": "2010-09-09",
            "entry_to": "2014-06-30",
            "cohort": [
                {"id": "cohort_1", "entry_from": "2010-09-09", "entry_to": "2012-06-01", "weight": "0.5"},
                {"id": "cohort_2", "entry_from": "2012-06-02", "entry_to": "2014-06-30", "weight": "0.5"},
            ],
        },
        data={"source": "none"},
        outcome=[
            {
                "id": "reconvictions",
                "title": {"da": "Nye domme", "en": "Reconvictions"},
                "direction": "decrease",
                "kind": "rate",
                "unit": {"da": "domme pr. 100 løsladte", "en": "convictions per 100 released"},
                "window_from": "2010-09-09",
                "window_to": "2015-06-30",
            }
        ],
        estimand={
            "target": "ATT",
            "outcome": "reconvictions",
            "scale": "relative",
            "denominator": "counterfactual",
            "aggregation": "none",
        },
        design={"method": "groups.published"},
        estimator={"method": "published.estimate"},
        payment={
            "rule": [
                {
                    "id": "cohorts",
                    "mechanism": "cohort_then_pooled",
                    "outcome": "reconvictions",
                    "basis": "point_estimate",
                    "inclusive": True,
                    "terms": {
                        "cohort_threshold": "0.10",
                        "cohort_amount": "1000000",
                        "pooled_threshold": "0.075",
                        "pooled_amount": "2000000",
                    },
                }
            ]
        },
        sensitivity=[],
    )

    def one(cohort: str, share: float) -> Estimate:
        return Estimate(
            key=EstimateKey(outcome="reconvictions", cohort=cohort),
            method="published.estimate",
            kind="effect",
            estimand="ATT",
            unit="convictions per 100 released",
            att=share * 155,
            se=None,
            absent="PUBLISHED_WITHOUT",
            counts=Counts(treated=936, comparison=9360, observations=10296),
            observed=155 * (1 + share),
            counterfactual=155.0,
            relative=Relative(
                value=share, se=None, interval=None, denominator="counterfactual", denominator_value=155.0
            ),
            conventions={},
            source="Jolliffe & Hedderman (2014), table 4",
        )

    estimates = (one("cohort_1", -0.0839),) if early else (one("cohort_1", -0.0839), one("cohort_2", -0.0974))
    zero = d(0)
    decision = Decision(
        state="CARRIED_FORWARD" if early else "PAY_FULL",
        basis="point_estimate",
        amount=zero if early else d(1000000),
        triggered=zero if early else d(1000000),
        maximum=d(1000000),
        currency="GBP",
        steps=_steps(),
        trace=(step("cohort.open", {"rule": "cohorts", "tested": 1, "planned": 2}),),
        per_payer=() if early else (PayerShare(payer="Ministry", level="stat", share=d(1), amount=d(1000000)),),
    )
    return _changed(
        school_run(),
        plan=plan,
        plan_seal=plan.seal,
        data=None,
        estimates=estimates,
        decision=decision,
        ledger=Ledger(),
        gates=school_gates()[:1],
        second_opinion=None,
        design=DesignSummary(method="groups.published", comparison="published", seal="ef" * 32),
    )


def monitoring_run() -> Run:
    """Difference-in-differences on two published rates: no standard error, never a decision."""
    base = cohort_run(early=False)
    plan = school_plan(
        **{
            **{k: v for k, v in base.plan.to_json().items() if k != "schema_version"},  # type: ignore[union-attr]
            "estimator": {"method": "did.two_by_two"},
            "design": {"method": "groups.adoption"},
            "governance": {"decide_from": "2015-01-01", "purpose": "monitoring"},
        }
    )
    estimate = Estimate(
        key=EstimateKey(outcome="reconvictions"),
        method="did.two_by_two",
        kind="effect",
        estimand="ATT",
        unit="convictions per 100 released",
        att=-15.0,
        se=None,
        absent="ONE_UNIT_PER_ARM",
        counts=Counts(treated=1, comparison=1, observations=4),
        observed=78.0,
        counterfactual=93.0,
        baseline=85.0,
        relative=Relative(value=-15 / 93, se=None, interval=None, denominator="counterfactual", denominator_value=93.0),
        conventions={"base": "last_pre"},
        notes=("overlapping_windows",),
        series=tuple(
            SeriesPoint(arm=arm, period=p, label=label, mean=m, units=1)
            for arm, values in (("treated", (85.0, 78.0)), ("comparison", (86.0, 94.0)))
            for (p, label), m in zip(((1, "2006–2008"), (2, "2010–2012")), values, strict=True)
        ),
    )
    decision = _undecided("NOT_DECIDABLE", ("MONITORING_ONLY",), "due").model_copy(update={"currency": "GBP"})
    return _changed(base, plan=plan, plan_seal=plan.seal, estimates=(estimate,), decision=decision)


RUNS = {
    "school": school_run,
    "undecidable": undecidable_run,
    "not_yet_due": not_yet_due_run,
    "unlocked": unlocked_run,
    "no_payment": no_payment_run,
    "tariff": tariff_run,
    "carried_forward": cohort_run,
    "pooled": lambda: cohort_run(early=False),
    "monitoring": monitoring_run,
}
