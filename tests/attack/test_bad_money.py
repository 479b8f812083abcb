"""Every way the money tables of a plan can be wrong: refused with line, cause and fix, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaltool.errors import Fault
from evaltool.reading.plan_file import plan_faults

PLAN = """\
schema = 1
[programme]
id = "trial"
version = "1"
title = { en = "Trial" }
start = 2024-01-01
end = 2025-12-31
[parties]
authorities = [{ name = "A", level = "kommune", share = "0.5" }, { name = "B", level = "stat", share = "0.5" }]
evaluator = { name = "E" }
[population]
eligibility = { en = "all" }
unit = "person"
entry_from = 2024-01-01
entry_to = 2024-12-31
[data]
source = "none"
[[outcome]]
id = "absence"
title = { en = "Absence" }
direction = "decrease"
kind = "mean"
unit = { en = "days" }
window_from = 2024-01-01
window_to = 2025-01-01
[estimand]
outcome = "absence"
[design]
method = "groups.published"
[estimator]
method = "published.estimate"
[payment]
[[payment.rule]]
id = "main"
mechanism = "binary_threshold"
outcome = "absence"
basis = "probability"
inclusive = true
probability = "0.8"
terms = { threshold = "1", amount = "100" }
[[payment.rule]]
id = "second"
mechanism = "binary_threshold"
outcome = "absence"
basis = "equivalence"
inclusive = true
margin = "0.5"
terms = { threshold = "1", amount = "100" }
[[budget_gain]]
id = "lessons"
title = { en = "Lessons" }
outcome = "absence"
payer = "kommune"
unit_price = "1200"
price_year = 2024
source = "made up"
[[budget_gain]]
id = "later_tax"
title = { en = "Tax" }
outcome = "absence"
payer = "region"
unit_price = "-3.5"
price_year = 2024
source = "made up"
duration_years = 10
[investment]
paid_on = 2025-06-30
principal_floor = "0.25"
return_cap = "0.10"
[[investment.drawdown]]
on = 2024-01-15
amount = "700"
[[investment.drawdown]]
on = 2024-07-15
amount = "300"
[[investment.tranche]]
name = "senior"
rank = 1
principal = "600"
[[investment.tranche]]
name = "junior"
rank = 2
principal = "400"
[[prior]]
outcome = "absence"
kind = "normal"
mean = "1"
sd = "0.5"
source = "an earlier programme"
[[expectation]]
outcome = "absence"
standard_error = "0.3"
source = "power calculation"
[governance]
decide_from = 2025-06-01
"""
CASES: list[tuple[str, str, str, str]] = [
    # what is replaced, by what, code, the line's text in the broken plan
    ('payer = "kommune"\nunit_price = "1200"\nprice_year = 2024', 'payer = "kommune"\nunit_price = "1200"',
     "PLAN_MISSING_KEY", "[[budget_gain]]"),
    ("duration_years = 10", 'duration_years = 10\ncurrency = "EUR"', "PLAN_UNKNOWN_KEY", 'currency = "EUR"'),
    ('unit_price = "-3.5"\nprice_year = 2024', 'unit_price = "-3.5"\nprice_year = 2023', "PLAN_PRICE_YEARS_DIFFER",
     "price_year = 2023"),
    ('id = "later_tax"', 'id = "lessons"', "PLAN_DUPLICATE_ID", 'id = "lessons"'),
    ('outcome = "absence"\npayer = "region"', 'outcome = "absense"\npayer = "region"', "PLAN_UNKNOWN_OUTCOME",
     'outcome = "absense"'),
    ("[governance]", '[[prior]]\noutcome = "abs"\nkind = "flat"\nsource = "s"\n[governance]', "PLAN_UNKNOWN_OUTCOME",
     'outcome = "abs"'),
    ('[[expectation]]\noutcome = "absence"', '[[expectation]]\noutcome = "x"', "PLAN_UNKNOWN_OUTCOME",
     'outcome = "x"'),
    ("[[expectation]]", '[[prior]]\noutcome = "absence"\nkind = "flat"\nsource = "s"\n[[expectation]]',
     "PLAN_DUPLICATE_ID", 'outcome = "absence"'),
    ("[governance]", '[[expectation]]\noutcome = "absence"\nstandard_error = 1\nsource = "s"\n[governance]',
     "PLAN_DUPLICATE_ID", 'outcome = "absence"'),
    ('payer = "region"', 'payer = "amt"', "PLAN_NOT_ALLOWED", 'payer = "amt"'),
    ("duration_years = 10", "duration_years = 0", "PLAN_BAD_VALUE", "duration_years = 0"),
    ("duration_years = 10", 'decay = "1.1"', "PLAN_BAD_VALUE", 'decay = "1.1"'),
    ("duration_years = 10", 'discount_rate = "-0.01"', "PLAN_BAD_VALUE", 'discount_rate = "-0.01"'),
    ("duration_years = 10", "people = 0", "PLAN_BAD_VALUE", "people = 0"),
    ('return_cap = "0.10"', 'return_cap = "-0.10"', "PLAN_BAD_VALUE", 'return_cap = "-0.10"'),
    ('principal_floor = "0.25"', 'principal_floor = "1.25"', "PLAN_BAD_VALUE", 'principal_floor = "1.25"'),
    ('amount = "700"', 'amount = "-700"', "PLAN_BAD_VALUE", 'amount = "-700"'),
    ("on = 2024-07-15", "on = 2025-07-15", "PLAN_DRAWDOWN_AFTER_PAYMENT", "on = 2025-07-15"),
    ('principal = "400"', 'principal = "399.99"', "PLAN_TRANCHES_NOT_PRINCIPAL", "[[investment.tranche]]"),
    ('name = "junior"', 'name = "senior"', "PLAN_DUPLICATE_ID", 'name = "senior"'),
    ("rank = 2", "rank = 0", "PLAN_BAD_VALUE", "rank = 0"),
    ('kind = "normal"', 'kind = "flat"', "PLAN_BAD_VALUE", "[[prior]]"),
    ('mean = "1"\n', "", "PLAN_BAD_VALUE", "[[prior]]"),
    ('sd = "0.5"', 'sd = "0"', "PLAN_BAD_VALUE", 'sd = "0"'),
    ('standard_error = "0.3"', 'standard_error = "0"', "PLAN_BAD_VALUE", 'standard_error = "0"'),
    ('probability = "0.8"\n', "", "PLAN_BASIS_INCOMPLETE", 'basis = "probability"'),
    ('margin = "0.5"\n', "", "PLAN_BASIS_INCOMPLETE", 'basis = "equivalence"'),
    ('probability = "0.8"', 'probability = "0.8"\nmargin = "1"', "PLAN_BASIS_NEEDLESS", 'margin = "1"'),
    ('margin = "0.5"', 'margin = "0.5"\nprobability = "0.9"', "PLAN_BASIS_NEEDLESS", 'probability = "0.9"'),
    ('share = "0.5" }]', 'share = "0.4" }]', "PLAN_SHARES_NOT_ONE",
     'authorities = [{ name = "A", level = "kommune", share = "0.5" }, { name = "B", level = "stat", share = "0.4" }]'),
]  # fmt: skip


def faults_of(tmp_path: Path, text: str) -> tuple[Fault, ...]:
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    _, faults = plan_faults(path)
    assert sorted(tmp_path.iterdir()) == before
    return faults


def test_the_plan_itself_is_good(tmp_path: Path) -> None:
    assert faults_of(tmp_path, PLAN) == ()


@pytest.mark.parametrize(("old", "new", "code", "line"), CASES, ids=[f"{c[2]}-{n}" for n, c in enumerate(CASES)])
def test_one_fault_with_its_line(tmp_path: Path, old: str, new: str, code: str, line: str) -> None:
    assert old in PLAN
    text = PLAN.replace(old, new, 1)
    faults = faults_of(tmp_path, text)
    assert [fault.code for fault in faults] == [code], "\n".join(map(str, faults))
    assert faults[0].place.file == "plan.toml"
    assert text.splitlines()[(faults[0].place.line or 0) - 1] == line
    assert faults[0].fix


def test_a_probability_without_prior_is_refused_for_its_rule(tmp_path: Path) -> None:
    start, end = PLAN.index("[[prior]]"), PLAN.index("[[expectation]]")
    text = PLAN[:start] + PLAN[end:]
    (fault,) = faults_of(tmp_path, text)
    assert fault.code == "PLAN_BASIS_NEEDS_PRIOR"
    assert text.splitlines()[(fault.place.line or 0) - 1] == 'basis = "probability"'
    assert '[[prior]] with outcome = "absence"' in fault.fix


def test_a_payer_that_is_no_authority_is_reported_and_not_refused(tmp_path: Path) -> None:
    """The region gains in the plan above and pays nothing: gains are reported for all payers."""
    assert 'payer = "region"' in PLAN
    assert faults_of(tmp_path, PLAN) == ()


def test_faults_of_all_money_tables_come_together(tmp_path: Path) -> None:
    text = PLAN.replace('id = "later_tax"', 'id = "lessons"').replace("on = 2024-07-15", "on = 2025-07-15")
    text = text.replace('margin = "0.5"\n', "")
    codes = [fault.code for fault in faults_of(tmp_path, text)]
    assert codes == ["PLAN_BASIS_INCOMPLETE", "PLAN_DUPLICATE_ID", "PLAN_DRAWDOWN_AFTER_PAYMENT"]
