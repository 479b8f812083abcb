"""IDENTICAL, WITHIN_TOLERANCE, DIFFERENT: which differences of two records matter."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest

from evaltool.bundle.compare import compare

RECORD: dict[str, object] = {
    "decision": {"state": "PAY_FULL", "amount": "2000000.00", "reasons": [], "trace": [{"values": {"point": "4.95"}}]},
    "estimate": {"att": 4.95, "se": 0.2, "n_treated": 22, "path": [{"att": 1e-15}, {"att": 5.1}]},
    "gates": [{"name": "pre_trend", "verdict": "PASS", "statistic": 0.31, "sentence": {"en": "at most 0.31"}}],
    "versions": {"numpy": "2.4.6"},
}


def written(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, indent=2).encode()


def changed(path: str, value: object) -> bytes:
    """RECORD with the value at a dotted path (numbers are list places) replaced."""
    body = copy.deepcopy(RECORD)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    here: object = body
    for part in way:
        here = here[part]  # type: ignore[index]
    here[last] = value  # type: ignore[index]
    return written(body)


def test_the_same_bytes() -> None:
    assert compare(written(RECORD), written(RECORD)).verdict == "IDENTICAL"


@pytest.mark.parametrize(
    ("path", "value", "verdict"),
    [
        # relative 1e-6 of 4.95 is 4.95e-6
        ("estimate.att", 4.95 + 4.9e-6, "WITHIN_TOLERANCE"),
        ("estimate.att", 4.95 + 5.1e-6, "DIFFERENT"),
        # 1e-9 of max(4.95, 0.2) is 4.95e-9: what is zero but for rounding
        ("estimate.path.0.att", -4.0e-9, "WITHIN_TOLERANCE"),
        ("estimate.path.0.att", -6.0e-9, "DIFFERENT"),
        ("decision.trace.0.values.point", "4.9500000001", "WITHIN_TOLERANCE"),
        ("decision.trace.0.values.point", "4.951", "DIFFERENT"),
        # money is exact: one øre, and even the way it is written
        ("decision.amount", "2000000.01", "DIFFERENT"),
        ("decision.amount", "2000000.0", "DIFFERENT"),
        # counts are exact
        ("estimate.n_treated", 23, "DIFFERENT"),
        ("decision.state", "PAY_PARTIAL", "DIFFERENT"),
        ("decision.reasons", ["N_MIN"], "DIFFERENT"),
        ("gates.0.verdict", "REVIEW", "DIFFERENT"),
        ("gates.0.statistic", None, "DIFFERENT"),
        ("estimate.att", "nan", "DIFFERENT"),
        # wording and versions are no numbers
        ("gates.0.sentence.en", "at most 0.310", "WITHIN_TOLERANCE"),
        ("versions.numpy", "2.5.0", "WITHIN_TOLERANCE"),
    ],
)
def test_one_value_changed(path: str, value: object, verdict: str) -> None:
    found = compare(written(RECORD), changed(path, value))
    assert found.verdict == verdict
    assert found.differences == 1
    assert found.first is not None
    assert found.first.path.replace("[", ".").replace("]", "") == path


def removed(body: dict[str, object]) -> None:
    del body["gates"]


def added(body: dict[str, object]) -> None:
    body["note"] = "x"


@pytest.mark.parametrize("change", [removed, added])
def test_a_missing_or_added_key_is_different(change: Callable[[dict[str, object]], None]) -> None:
    body = copy.deepcopy(RECORD)
    change(body)
    assert compare(written(RECORD), written(body)).verdict == "DIFFERENT"


def test_the_first_that_matters_is_named_before_the_first() -> None:
    body = json.loads(changed("estimate.att", 6.0))
    body["decision"]["trace"][0]["values"]["point"] = "4.95000000000001"
    found = compare(written(RECORD), written(body))
    assert found.differences == 2
    assert found.first is not None
    assert (found.first.path, found.first.old, found.first.new) == ("estimate.att", 4.95, 6.0)


def test_another_layout_of_the_same_values_is_different() -> None:
    assert compare(written(RECORD), json.dumps(RECORD).encode()).verdict == "DIFFERENT"
