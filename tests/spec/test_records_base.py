"""Records are frozen, strict and canonical."""

from __future__ import annotations

import json
import pickle
from datetime import date
from decimal import Decimal
from enum import Enum

import pytest
from pydantic import ValidationError

from evaltool.errors import DataError, EvaltoolError, Fault, Place, did_you_mean
from evaltool.records.base import Exact, Finite, Record, Words, canonical_json, plain, seal_of, tuples
from evaltool.records.options import parse_options


class Sample(Record):
    amount: Exact
    ratio: Finite = 0.0
    when: date = date(2025, 1, 2)
    parts: tuple[int, ...] = ()


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize("written", [3, "3", Decimal(3)])
def test_money_is_read_exactly(written: object) -> None:
    assert Sample.model_validate({"amount": written}).amount == Decimal(3)


@pytest.mark.parametrize("written", [3.0, True, "three", "NaN", "Infinity", None])
def test_money_that_is_not_exact_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({"amount": written})


def test_negative_zero_is_zero() -> None:
    assert str(Sample(amount=Decimal("-0")).amount) == "0"
    assert json.loads(canonical_json({"x": -0.0}))["x"] == 0.0
    assert b"-0" not in canonical_json({"x": -0.0})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_never_written(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        plain({"a": [value]})
    with pytest.raises(ValidationError):
        Sample(amount=Decimal(1), ratio=value)


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot write object"):
        plain(object())


def test_plain_covers_every_kind_of_value() -> None:
    assert plain({"a": Colour.RED, "b": (None, True, 1), "c": date(2025, 1, 2), "d": Decimal("0.10")}) == {
        "a": "red",
        "b": [None, True, 1],
        "c": "2025-01-02",
        "d": "0.10",
    }


def test_a_record_survives_json() -> None:
    record = Sample(amount=Decimal("0.30"), ratio=0.1, parts=(1, 2))
    assert Sample.from_json(record.to_json()) == record


def test_a_record_is_frozen_and_refuses_unknown_fields() -> None:
    record = Sample(amount=Decimal(1))
    with pytest.raises(ValidationError):
        record.amount = Decimal(2)  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Sample.model_validate({"amount": 1, "amont": 2})


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_json({"b": 1, "a": 2}) == canonical_json({"a": 2, "b": 1}) == b'{\n  "a": 2,\n  "b": 1\n}\n'
    assert seal_of({"b": 1, "a": 2}) == seal_of({"a": 2, "b": 1})


def test_tuples_turns_lists_at_every_depth() -> None:
    assert tuples({"a": [1, [2, {"b": [3]}]]}) == {"a": (1, (2, {"b": (3,)}))}


def test_words_fall_back_to_the_other_language() -> None:
    assert Words(da="effekt").in_language("en") == "effekt"
    assert Words(da="effekt", en="effect").in_language("en") == "effect"
    assert Words(en="effect").in_language("da") == "effect"
    assert Words().in_language("da") == ""


class Terms(Record):
    threshold: Exact
    tiers: tuple[int, ...] = ()


def test_options_are_parsed_strictly_and_every_fault_is_reported() -> None:
    good = parse_options(Terms, {"threshold": Decimal("0.1"), "tiers": (1, 2)}, "payment.rule[0].terms")
    assert good == Terms(threshold=Decimal("0.1"), tiers=(1, 2))
    with pytest.raises(EvaltoolError) as caught:
        parse_options(Terms, {"treshold": Decimal("0.1"), "tiers": (1, "x")}, "payment.rule[0].terms")
    codes = sorted(caught.value.codes)
    assert codes == ["PLAN_BAD_OPTION", "PLAN_MISSING_OPTION", "PLAN_UNKNOWN_OPTION"]
    unknown = next(f for f in caught.value.faults if f.code == "PLAN_UNKNOWN_OPTION")
    assert unknown.suggestion == "threshold"
    assert unknown.place.key == "payment.rule[0].terms.treshold"
    bad = next(f for f in caught.value.faults if f.code == "PLAN_BAD_OPTION")
    assert bad.place.key == "payment.rule[0].terms.tiers[1]"


def test_an_option_table_without_options_says_none() -> None:
    class Nothing(Record):
        """No options."""

    with pytest.raises(EvaltoolError, match="Known options: none"):
        parse_options(Nothing, {"a": 1}, "design.options")


def test_an_error_carries_all_faults_and_survives_a_process_boundary() -> None:
    faults = [
        Fault("DATA_A", "cause a", "fix a", Place(file="data.csv", line=7, column="absence")),
        Fault("DATA_B", "cause b", "fix b", Place(key="outcome[0]", unit="school 3"), suggestion="absence"),
        Fault("DATA_C", "cause c", "fix c"),
        Fault("DATA_D", "cause d", "fix d", Place(line=3)),
    ]
    error = DataError(faults)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - written one line above
    assert type(again) is DataError
    assert again.faults == tuple(faults)
    assert again.exit_code == 3
    assert str(error).splitlines()[0] == "DATA_A  data.csv:7 column 'absence'"
    assert "Did you mean 'absence'?" in str(error)
    assert "DATA_D  line 3" in str(error)


def test_an_error_without_faults_is_a_bug() -> None:
    with pytest.raises(ValueError, match="at least one fault"):
        DataError([])


@pytest.mark.parametrize(("typed", "meant"), [("absense", "absence"), ("ABSENCE", "absence"), ("zzz", None)])
def test_did_you_mean(typed: str, meant: str | None) -> None:
    assert did_you_mean(typed, ["absence", "school", "month"]) == meant
