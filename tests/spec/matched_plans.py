"""Whole plans, as a newcomer would write them, for the matching and the synthetic control corridor."""

from __future__ import annotations

HEAD = """schema = 1

[programme]
id = "made-up"
version = "1"
title = { da = "Opdigtet indsats", en = "Made-up programme" }
area = "into_work"
start = 2020-01-01
end = 2021-12-31
currency = "DKK"

[[parties.authorities]]
name = "Opdigtet Kommune"
level = "kommune"
share = "1"

[[parties.investors]]
name = "Opdigtet Fond"

[parties.provider]
name = "Opdigtet Forening"

[parties.evaluator]
name = "Opdigtet Evaluator"
fee_contingent = false

[population]
unit = "person"
entry_from = 2020-01-01
entry_to = 2020-12-31
target_n = 100
minimum_n = 1
principle = "intention_to_treat"
once_per_person = true

[population.eligibility]
da = "Alle, der fik tilbuddet."
en = "Everybody who was offered a place."

[governance]
as_of = 2022-06-01
decide_from = 2022-02-01
dispute_days = 20
replication = true

[disclosure]
profile = "public"

[[outcome]]
id = "y"
title = { da = "Resultat", en = "Result" }
direction = "increase"
kind = "mean"
unit = { da = "point", en = "points" }
window_from = 2020-01-01
window_to = 2021-12-31
verifier = "Register"

[estimand]
target = "ATT"
outcome = "y"
scale = "absolute"
aggregation = "simple"

[payment]
combine = "sum"
cap = "1000.00"
quantum = "0.01"
rounding = "half_even"

[[payment.rule]]
id = "one"
mechanism = "binary_threshold"
outcome = "y"
basis = "point_estimate"
inclusive = true

[payment.rule.terms]
threshold = "1"
amount = "1000.00"

[data]
source = "csv"
path = "data.csv"
vintage = "The extraction of 2022-05-01."

"""


def column(name: str, role: str, kind: str, more: str = "") -> str:
    """One ``[[data.column]]``."""
    return f'[[data.column]]\nname = "{name}"\nrole = "{role}"\ntype = "{kind}"\n{more}\n'


MATCHING = (
    HEAD
    + column("id", "unit", "integer")
    + column("offered", "treated", "boolean")
    + column("a", "covariate", "number")
    + column("b", "covariate", "number")
    + column("y", "outcome", "number", 'outcome = "y"')
    + """
[design]
method = "matching.nearest"

[design.options]
covariates = ["a", "b"]
caliper = "0.2"
unmatched_treated = "rename"

[estimator]
method = "weighted.difference"

[estimator.options]
covariates = ["a", "b"]
"""
)

CONTROL = (
    HEAD.replace('unit = "person"', 'unit = "municipality"')
    + column("town", "unit", "text")
    + column("year", "time", "integer")
    + column("start", "first_treated", "integer")
    + column("y", "outcome", "number", 'outcome = "y"')
    + """
[design]
method = "donors.pool"

[estimator]
method = "counterfactual.synthetic_control"

[estimator.options]
placebo_periods = 3
"""
)
