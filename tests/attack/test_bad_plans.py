"""Every way a plan can be wrong: all faults at once, each with its line, cause, fix and suggestion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evaltool.errors import EXIT_USAGE, Fault, PlanError
from evaltool.reading.plan_file import MAX_BYTES, plan_faults, read_plan

PLAN = """\
schema = 1
[programme]
id = "trial"
version = "1"
title = { en = "Trial" }
start = 2024-01-01
end = 2025-12-31
[parties]
authorities = [
  { name = "A", level = "kommune", share = 0.5 },
  { name = "B", level = "stat", share = 0.5 },
]
evaluator = { name = "E" }
[population]
eligibility = { en = "all" }
unit = "school"
entry_from = 2024-01-01
entry_to = 2024-12-31
target_n = 100
minimum_n = 60
[[population.cohort]]
id = "one"
entry_from = 2024-01-01
entry_to = 2024-06-30
weight = 0.5
[[population.cohort]]
id = "two"
entry_from = 2024-07-01
entry_to = 2024-12-31
weight = 0.5
[data]
source = "csv"
path = "data.csv"
[[data.column]]
name = "school"
role = "unit"
type = "text"
[[data.column]]
name = "year"
role = "time"
type = "integer"
[[data.column]]
name = "start"
role = "first_treated"
type = "integer"
[[data.column]]
name = "absence"
role = "outcome"
type = "number"
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
method = "groups.adoption"
[estimator]
method = "did.group_time"
[[gate]]
name = "few_clusters"
[[fallback]]
on = ["N_MIN"]
action = "hold"
[[sensitivity]]
id = "never"
[[payment.rule]]
id = "main"
mechanism = "binary_threshold"
outcome = "absence"
[governance]
decide_from = 2025-06-01
"""
Broken = Callable[..., tuple[Fault, ...]]


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    """Writes the plan with replacements and gives back the faults."""

    def attempt(*changes: tuple[str, str]) -> tuple[Fault, ...]:
        text = PLAN
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        path = tmp_path / "plan.toml"
        path.write_text(text, encoding="utf-8")
        _, faults = plan_faults(path)
        if faults:
            with pytest.raises(PlanError) as caught:
                read_plan(path)
            assert caught.value.exit_code == EXIT_USAGE
            assert caught.value.faults == faults
        assert {fault.place.file for fault in faults} <= {"plan.toml"}
        return faults

    return attempt


def test_the_plan_itself_is_good(broken: Broken) -> None:
    assert broken() == ()


def test_faults_of_all_tables_come_together_in_the_order_of_the_file(broken: Broken, tmp_path: Path) -> None:
    faults = broken(
        ("end = 2025-12-31", "end = 2023-12-31"),
        ('level = "stat", share = 0.5', 'level = "stat", share = 0.4'),
        ("entry_to = 2024-12-31\ntarget_n", "entri_to = 2024-12-31\ntarget_n"),
        ('direction = "decrease"', 'direction = "decreese"'),
        ('[estimand]\noutcome = "absence"', '[estimand]\nscale = "relative"\noutcome = "absence"'),
    )
    assert [(f.code, f.place.key, f.suggestion) for f in faults] == [
        ("PLAN_DATES_REVERSED", "programme.end", None),
        ("PLAN_SHARES_NOT_ONE", "parties.authorities", None),
        ("PLAN_MISSING_KEY", "population.entry_to", None),
        ("PLAN_UNKNOWN_KEY", "population.entri_to", "entry_to"),
        ("PLAN_NOT_ALLOWED", "outcome[0].direction", "decrease"),
        ("PLAN_NO_DENOMINATOR", "estimand.scale", None),
    ]
    text = (tmp_path / "plan.toml").read_text(encoding="utf-8").splitlines()
    assert [text[(f.place.line or 0) - 1] for f in faults] == [
        "end = 2023-12-31",
        "authorities = [",
        "[population]",
        "entri_to = 2024-12-31",
        'direction = "decreese"',
        'scale = "relative"',
    ]


LEVEL = 'level = "0.99999999999999999999"'
CASES: list[tuple[str, str, str, str]] = [
    # what is replaced, by what, code, the line's text in the broken plan
    ('id = "trial"', "id = 7", "PLAN_BAD_VALUE", "id = 7"),
    ('id = "trial"', 'id = "Trial!"', "PLAN_BAD_VALUE", 'id = "Trial!"'),
    ('title = { en = "Trial" }', 'title = "Trial"', "PLAN_BAD_VALUE", 'title = "Trial"'),
    ('title = { en = "Trial" }', 'title = { dk = "Prøve" }', "PLAN_UNKNOWN_KEY", 'title = { dk = "Prøve" }'),
    ("start = 2024-01-01", 'start = "2024-01-01"', "PLAN_BAD_VALUE", 'start = "2024-01-01"'),
    ("start = 2024-01-01", "start = 2024-01-01T10:00:00", "PLAN_BAD_VALUE", "start = 2024-01-01T10:00:00"),
    ("target_n = 100", "target_n = 100.0", "PLAN_BAD_VALUE", "target_n = 100.0"),
    ("target_n = 100", "target_n = 0", "PLAN_BAD_VALUE", "target_n = 0"),
    ("target_n = 100", "target_n = 50", "PLAN_MINIMUM_ABOVE_TARGET", "minimum_n = 60"),
    ("target_n = 100", "target_n = true", "PLAN_BAD_VALUE", "target_n = true"),
    (
        'evaluator = { name = "E" }',
        'evaluator = { name = "E", fee_contingent = true }',
        "PLAN_CONTINGENT_FEE",
        'evaluator = { name = "E", fee_contingent = true }',
    ),
    ('name = "B"', 'name = "A"', "PLAN_DUPLICATE_ID", '  { name = "A", level = "stat", share = 0.5 },'),
    ("share = 0.5", "share = nan", "PLAN_NOT_FINITE", '  { name = "A", level = "kommune", share = nan },'),
    ("share = 0.5", "share = 1.5", "PLAN_BAD_VALUE", '  { name = "A", level = "kommune", share = 1.5 },'),
    ("weight = 0.5", "weight = 0.4", "PLAN_COHORT_WEIGHTS", "[[population.cohort]]"),
    ("weight = 0.5\n", "", "PLAN_COHORT_WEIGHTS", "[[population.cohort]]"),
    ('id = "two"', 'id = "one"', "PLAN_DUPLICATE_ID", 'id = "one"'),
    ("entry_to = 2024-06-30", "entry_to = 2023-06-30", "PLAN_DATES_REVERSED", "entry_to = 2023-06-30"),
    (
        "window_to = 2025-01-01",
        "window_to = 2025-01-01\nmatures_on = 2024-12-31",
        "PLAN_DATES_REVERSED",
        "matures_on = 2024-12-31",
    ),
    (
        '[estimand]\noutcome = "absence"',
        '[estimand]\noutcome = "absense"',
        "PLAN_UNKNOWN_OUTCOME",
        'outcome = "absense"',
    ),
    (
        'mechanism = "binary_threshold"\noutcome = "absence"',
        'mechanism = "x"\noutcome = "y"',
        "PLAN_UNKNOWN_OUTCOME",
        'outcome = "y"',
    ),
    ("[estimand]", '[estimand]\ndenominator = "baseline"', "PLAN_NEEDLESS_DENOMINATOR", 'denominator = "baseline"'),
    ('id = "main"', 'id = "main"\nbasis = "probable"', "PLAN_NOT_ALLOWED", 'basis = "probable"'),
    (
        'name = "few_clusters"',
        'name = "few_clusters"\nconsequence = "review"',
        "PLAN_OVERRIDE_WITHOUT_REASON",
        "[[gate]]",
    ),
    (
        'name = "few_clusters"',
        'name = "few_clusters"\noptions = { minimum = 3 }',
        "PLAN_OVERRIDE_WITHOUT_REASON",
        "[[gate]]",
    ),
    (
        'name = "few_clusters"',
        'name = "few_clusters"\n[[gate]]\nname = "few_clusters"',
        "PLAN_DUPLICATE_ID",
        'name = "few_clusters"',
    ),
    ('on = ["N_MIN"]', 'on = ["N_MIM"]', "PLAN_UNKNOWN_REASON", 'on = ["N_MIM"]'),
    ('on = ["N_MIN"]', 'on = ["N_MIN", "N_MIN"]', "PLAN_DUPLICATE_FALLBACK", 'on = ["N_MIN", "N_MIN"]'),
    ('on = ["N_MIN"]', "on = []", "PLAN_BAD_VALUE", "on = []"),
    ('action = "hold"', 'action = "pay_floor"', "PLAN_FALLBACK_INCOMPLETE", "[[fallback]]"),
    ('action = "hold"', 'action = "hold"\namount = 5', "PLAN_FALLBACK_NEEDLESS", "amount = 5"),
    ('action = "hold"', 'action = "other_estimator"', "PLAN_FALLBACK_INCOMPLETE", "[[fallback]]"),
    (
        'action = "hold"',
        'action = "other_estimator"\nspecification = "nevr"',
        "PLAN_UNKNOWN_SPECIFICATION",
        'specification = "nevr"',
    ),
    ('[[sensitivity]]\nid = "never"', '[[sensitivity]]\nid = "primary"', "PLAN_RESERVED_ID", 'id = "primary"'),
    ("[[sensitivity]]", '[[sensitivity]]\nid = "never"\n[[sensitivity]]', "PLAN_DUPLICATE_ID", 'id = "never"'),
    ('path = "data.csv"', "", "PLAN_DATA_SOURCE", 'source = "csv"'),
    ('path = "data.csv"', 'path = "data.csv"\nquery = "SELECT 1"', "PLAN_DATA_SOURCE", 'query = "SELECT 1"'),
    ('path = "data.csv"', 'path = "/data.csv"', "PLAN_PATH_ABSOLUTE", 'path = "/data.csv"'),
    ('path = "data.csv"', "path = 'C:\\data.csv'", "PLAN_PATH_ABSOLUTE", "path = 'C:\\data.csv'"),
    (
        'path = "data.csv"',
        'path = "data.csv"\nencoding = "utf8-danish"',
        "PLAN_UNKNOWN_ENCODING",
        'encoding = "utf8-danish"',
    ),
    ('path = "data.csv"', 'path = "data.csv"\nencoding = "base64"', "PLAN_UNKNOWN_ENCODING", 'encoding = "base64"'),
    ('path = "data.csv"', 'path = "data.csv"\nthousands = "."', "PLAN_SIGNS_CLASH", 'thousands = "."'),
    ('path = "data.csv"', 'path = "data.csv"\ndelimiter = "x"', "PLAN_BAD_DELIMITER", 'delimiter = "x"'),
    ('path = "data.csv"', 'path = "data.csv"\ndelimiter = ";;"', "PLAN_BAD_VALUE", 'delimiter = ";;"'),
    ('path = "data.csv"', 'path = "data.csv"\ndate_format = "%m-%Y"', "PLAN_BAD_DATE_FORMAT", 'date_format = "%m-%Y"'),
    (
        'path = "data.csv"',
        'path = "data.csv"\ndate_format = "dd-mm-yyyy"',
        "PLAN_BAD_DATE_FORMAT",
        'date_format = "dd-mm-yyyy"',
    ),
    ('name = "year"', 'name = "school"', "PLAN_DUPLICATE_COLUMN", 'name = "school"'),
    ('role = "unit"\ntype = "text"', 'role = "time"\ntype = "integer"', "PLAN_ROLE_TWICE", 'role = "time"'),
    ('role = "outcome"\ntype = "number"', 'role = "outcome"\ntype = "text"', "PLAN_ROLE_TYPE", 'type = "text"'),
    (
        'role = "first_treated"\ntype = "integer"',
        'role = "first_treated"\ntype = "date"',
        "PLAN_START_TYPE",
        'type = "date"',
    ),
    ('role = "time"', 'role = "covariate"', "PLAN_START_WITHOUT_TIME", 'role = "first_treated"'),
    ('role = "unit"', 'role = "unit"\nminimum = 1', "PLAN_RANGE_WITHOUT_NUMBER", "minimum = 1"),
    ('role = "outcome"', 'role = "outcome"\nminimum = 9\nmaximum = 1', "PLAN_RANGE_REVERSED", "maximum = 1"),
    ('role = "outcome"', 'role = "outcome"\nnever = "9"', "PLAN_NEVER_ELSEWHERE", 'never = "9"'),
    ('role = "outcome"', 'role = "outcome"\noutcome = "x"', "PLAN_UNKNOWN_OUTCOME", 'outcome = "x"'),
    ('role = "time"', 'role = "time"\noutcome = "absence"', "PLAN_OUTCOME_ELSEWHERE", 'outcome = "absence"'),
    (
        '[[outcome]]\nid = "absence"',
        '[[data.column]]\nname = "n"\nrole = "count"\ntype = "integer"\n[[outcome]]\nid = "absence"',
        "PLAN_OUTCOME_TWICE",
        "[[data.column]]",
    ),
    ("[design]", '[inference]\ncluster = "scool"\n[design]', "PLAN_UNKNOWN_CLUSTER", 'cluster = "scool"'),
    ("[design]", "[inference]\nlevel = 0.05\n[design]", "PLAN_BAD_VALUE", "level = 0.05"),
    ("[design]", '[inference]\nlevel = "0.99999999999999999999"\n[design]', "PLAN_BAD_VALUE", LEVEL),
    ("schema = 1", "schema = true", "PLAN_BAD_VALUE", "schema = true"),
    ("schema = 1", "schema = 1.0", "PLAN_BAD_VALUE", "schema = 1.0"),
    ('path = "data.csv"', 'path = "a\\u0000b"', "PLAN_BAD_PATH", 'path = "a\\u0000b"'),
    ('path = "data.csv"', 'path = "a\\nb.csv"', "PLAN_BAD_PATH", 'path = "a\\nb.csv"'),
    ('path = "data.csv"', 'path = "http://x/y.csv"', "PLAN_BAD_PATH", 'path = "http://x/y.csv"'),
    ('path = "data.csv"', 'path = "file:data.csv"', "PLAN_BAD_PATH", 'path = "file:data.csv"'),
    ('path = "data.csv"', 'path = "s3://x/y.csv"', "PLAN_BAD_PATH", 'path = "s3://x/y.csv"'),
    *(
        (
            'path = "data.csv"',
            f'path = "data.csv"\nencoding = "{name}"',
            "PLAN_UNKNOWN_ENCODING",
            f'encoding = "{name}"',
        )
        for name in ("klingon", "rot13", "zlib", "undefined", "idna", "unicode_escape", "a\\u0000b")
    ),
    ('path = "data.csv"', 'path = "data.csv"\ndelimiter = "§"', "PLAN_BAD_DELIMITER", 'delimiter = "§"'),
    (
        'path = "data.csv"',
        'path = "data.csv"\ndate_format = "%d%d%m%Y"',
        "PLAN_BAD_DATE_FORMAT",
        'date_format = "%d%d%m%Y"',
    ),
    ("decide_from = 2025-06-01", "decide_from = 9999-12-31", "PLAN_BAD_VALUE", "decide_from = 9999-12-31"),
    ("decide_from = 2025-06-01", "decide_from = 1899-12-31", "PLAN_BAD_VALUE", "decide_from = 1899-12-31"),
    ("[governance]", "[governance]\nas_of = 2200-01-01", "PLAN_BAD_VALUE", "as_of = 2200-01-01"),
    ("[governance]", "[governance]\ndispute_days = 3651", "PLAN_BAD_VALUE", "dispute_days = 3651"),
    ("[governance]", '[governance]\ntolerance = "1e9"', "PLAN_BAD_VALUE", 'tolerance = "1e9"'),
    ("window_to = 2025-01-01", "window_to = 2200-01-01", "PLAN_BAD_VALUE", "window_to = 2200-01-01"),
    ("start = 2024-01-01", "start = 0001-01-01", "PLAN_BAD_VALUE", "start = 0001-01-01"),
    *(
        ("[[payment.rule]]", f"[payment]\n{line}\n[[payment.rule]]", code, line)
        for line, code in (
            ('cap = "1e999999"', "PLAN_BAD_VALUE"),
            ('cap = "1234567890123456789012345678901"', "PLAN_BAD_VALUE"),
            ('offset = "1e-400"', "PLAN_BAD_VALUE"),
            ("offset = 1e19", "PLAN_BAD_VALUE"),
            ('quantum = "1e300"', "PLAN_BAD_VALUE"),
            ('quantum = "0.00009"', "PLAN_BAD_VALUE"),
            ('quantum = "1000001"', "PLAN_BAD_VALUE"),
            ('cap = "0"', "PLAN_BELOW_QUANTUM"),
            ('cap = "0.001"', "PLAN_BELOW_QUANTUM"),
            ("cap = 0.009999", "PLAN_BELOW_QUANTUM"),
        )
    ),
    ('id = "main"', 'id = "main"\ncap = "0.001"', "PLAN_BELOW_QUANTUM", 'cap = "0.001"'),
    ("[design]", "[inferense]\nlevel = 0.9\n[design]", "PLAN_UNKNOWN_KEY", "[inferense]"),
    (
        'method = "did.group_time"',
        'method = "did.group_time"\noptions = { at = 07:30:00 }',
        "PLAN_BAD_VALUE",
        "options = { at = 07:30:00 }",
    ),
]


@pytest.mark.parametrize(("old", "new", "code", "line"), CASES, ids=[f"{c[2]}-{n}" for n, c in enumerate(CASES)])
def test_one_fault_with_its_line(broken: Broken, tmp_path: Path, old: str, new: str, code: str, line: str) -> None:
    faults = broken((old, new))
    assert [fault.code for fault in faults] == [code], "\n".join(map(str, faults))
    fault = faults[0]
    text = (tmp_path / "plan.toml").read_text(encoding="utf-8").splitlines()
    assert fault.place.line is not None
    assert text[fault.place.line - 1] == line
    assert fault.cause.endswith(".")
    assert fault.fix


@pytest.mark.parametrize(
    ("old", "new", "suggestion"),
    [
        ("target_n", "targetn", "target_n"),
        ("[governance]", "[goverance]", "governance"),
        ('kind = "mean"', 'kind = "meen"', "mean"),
        ('on = ["N_MIN"]', 'on = ["NMIN"]', "N_MIN"),
        ('source = "csv"', 'source = "cvs"', "csv"),
        ("mechanism =", "mechanisms =", "mechanism"),
    ],
)
def test_did_you_mean(broken: Broken, old: str, new: str, suggestion: str) -> None:
    assert suggestion in {fault.suggestion for fault in broken((old, new))}


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"schema = 1\n[programme\n", "PLAN_SYNTAX", 2),
        (b"a = 1\na = 2\n", "PLAN_SYNTAX", 2),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "PLAN_SYNTAX", None),
        (b'title = "Pr\xf8ve"\n', "PLAN_ENCODING", 1),
        (b"\xef\xbb\xbfschema = 1\n[programme\n", "PLAN_SYNTAX", 2),
        (b'\xef\xbb\xbf# x\ntitle = "Pr\xf8ve"\n', "PLAN_ENCODING", 2),
        (b"#" * (MAX_BYTES + 1), "PLAN_TOO_LARGE", None),
    ],
)
def test_files_that_are_no_plan(tmp_path: Path, content: bytes, code: str, line: int | None) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(content)
    plan, faults = plan_faults(path)
    assert plan is None
    assert [(fault.code, fault.place.line) for fault in faults] == [(code, line)]


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(PlanError) as caught:
            read_plan(path)
        assert caught.value.codes == ("PLAN_UNREADABLE",)


def test_an_empty_plan_names_every_missing_table(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text("")
    _, faults = plan_faults(path)
    assert {fault.place.key for fault in faults} == {
        "schema", "programme", "parties", "population", "data", "outcome", "estimand", "design", "estimator",
        "payment", "governance",
    }  # fmt: skip
    assert {fault.code for fault in faults} == {"PLAN_MISSING_KEY"}


def test_two_outcomes_need_their_columns_named(broken: Broken) -> None:
    second = '[[outcome]]\nid = "grades"\ntitle = { en = "G" }\ndirection = "increase"\nkind = "mean"\n'
    second += 'unit = { en = "p" }\nwindow_from = 2024-01-01\nwindow_to = 2025-01-01\n[estimand]'
    faults = broken(("[estimand]", second))
    assert [fault.code for fault in faults] == ["PLAN_COLUMN_WITHOUT_OUTCOME"]


def test_a_byte_order_mark_changes_nothing(tmp_path: Path) -> None:
    plain, marked = tmp_path / "plain.toml", tmp_path / "marked.toml"
    plain.write_text(PLAN, encoding="utf-8")
    marked.write_text(PLAN, encoding="utf-8-sig")
    assert read_plan(marked).seal == read_plan(plain).seal
    marked.write_text(PLAN.replace("schema = 1", "schema = 2"), encoding="utf-8-sig")
    _, faults = plan_faults(marked)
    assert [(fault.place.key, fault.place.line) for fault in faults] == [("schema", 1)]


@pytest.mark.parametrize("inside", ['cap = "100.00"', "offset = 1e18", 'cap = "0.01"'])
def test_what_people_state_is_read(broken: Broken, inside: str) -> None:
    change = ("[[payment.rule]]", f"[payment]\n{inside}\n[[payment.rule]]")
    assert broken(change) == ()


def test_thirds_with_many_digits_are_read(broken: Broken) -> None:
    third = "0.333333333333333333333333333333"  # thirty digits
    rest = "0.666666666666666666666666666667"
    assert broken(("share = 0.5", f'share = "{third}"'), ("share = 0.5 }", f'share = "{rest}" }}')) == ()
    assert [f.code for f in broken(("weight = 0.5", f'weight = "{third}3"'))] == ["PLAN_BAD_VALUE"]
