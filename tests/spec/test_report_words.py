"""Every key a report may meet has words in both languages, and both say the same places."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

from evaltool import registry
from evaltool.language.words import LANGUAGES, TEXTS, Voice, all_words
from evaltool.payment.trace import ABSENT, TRACE_KEYS
from evaltool.records.decision import FLAGS, REASONS, STATES
from evaltool.records.estimate import AbsentReason
from evaltool.records.ledger import LedgerReason
from evaltool.report.section import find_section, section_names

VERDICTS = ("PASS", "REVIEW", "FAIL", "CANNOT_TELL", "NOT_APPLICABLE")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_hold_the_same_files_keys_and_places() -> None:
    files = [sorted(path.name for path in (TEXTS / lang).glob("*.toml")) for lang in LANGUAGES]
    assert files[0] == files[1]
    da, en = all_words("da"), all_words("en")
    assert set(da) == set(en)
    assert {key for key in da if places(da[key]) != places(en[key])} == set()


def test_no_text_is_empty_or_the_same_by_oversight() -> None:
    da, en = all_words("da"), all_words("en")
    assert all(text.strip() for text in [*da.values(), *en.values()])
    long = {key for key in da if da[key] == en[key] and len(da[key].split()) > 4 and not key.startswith("reference.")}
    formulas = {key for key in long if key.startswith("convention_value.(")}
    assert long - formulas <= {"rule.threshold", "result.cohort", "trace.net.amount", "trace.tariff.amount"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_states_flags_reasons_gates_and_mechanisms_have_words(lang: str) -> None:
    wanted = [f"{table}.{state}" for state in STATES for table in ("state", "state_short", "state_meaning")]
    wanted += [f"{table}.{flag}" for flag in FLAGS for table in ("flag", "flag_short")]
    wanted += [f"reason.{reason}" for reason in REASONS]
    wanted += [f"absent.{reason}" for reason in get_args(AbsentReason)]
    wanted += [f"ledger.{reason}" for reason in get_args(LedgerReason)]
    wanted += [f"verdict.{verdict}" for verdict in VERDICTS]
    wanted += [f"gate.{name}" for name in registry.gate_names()]
    wanted += [f"mechanism.{name}" for name in registry.mechanism_names()]
    wanted += [f"section.{name}" for name in section_names()]
    assert [key for key in wanted if not Voice(lang).says(key)] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_trace_key_has_a_sentence_that_uses_only_its_own_values(lang: str) -> None:
    words: Mapping[str, str] = all_words(lang)
    for key, values in TRACE_KEYS.items():
        assert f"trace.{key}" in words, key
        assert places(words[f"trace.{key}"]) <= set(values), key
    assert [name for name in ABSENT if f"trace_absent.{name}" not in words] == []


def test_methods_of_this_version_are_named() -> None:
    for lang in LANGUAGES:
        assert [n for n in registry.estimator_names() if not Voice(lang).says(f"method.{n}")] == []


NOTES = re.compile(r"notes(?:\.append\(|\s*=\s*[\[(])(\"[a-z_]+\"(?:, \"[a-z_]+\")*)")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_note_an_estimator_may_leave_has_words(lang: str) -> None:
    estimators = Path(__file__).resolve().parents[2] / "evaltool" / "estimators"
    found = {
        note.strip().strip('"')
        for path in estimators.rglob("*.py")
        for match in NOTES.finditer(path.read_text(encoding="utf-8"))
        for note in match.group(1).split(",")
    }
    assert found >= {
        *("estimand_changed", "effect_depends_on_ties", "tie_range_searched", "permutation_only"),
        *("weights_not_unique", "permutation_too_coarse", "leave_one_out_changes_sign"),
    }
    elsewhere = {"no_counterfactual", "published_figure"}
    assert [note for note in sorted(found - elsewhere) if not Voice(lang).says(f"limit.{note}")] == []


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("key", ["matched", "donors", "never_treated", "not_yet_treated", "none", "published"])
def test_every_comparison_has_words(lang: str, key: str) -> None:
    assert Voice(lang).says(f"comparison.{key}")


def test_danish_has_no_english_quotation_or_percent_sign() -> None:
    for key, text in all_words("da").items():
        assert "%" not in text, key
        assert not re.search(r"\b(the|and|with)\b", text) or key.startswith("reference."), key


def test_an_abbreviation_ends_its_sentence_once() -> None:
    said = Voice("da").say("result.improvement", {"outcome": "fravær", "value": "12,4\u00a0pct."})
    assert said.endswith("12,4\u00a0pct.")
    assert not said.endswith("..")


def test_a_filled_value_is_never_read_as_a_template() -> None:
    said = Voice("en").say("result.improvement", {"outcome": "{value}", "value": "1"})
    assert "{value}" in said


def test_every_section_file_holds_its_section() -> None:
    folder = Path(__file__).resolve().parents[2] / "evaltool" / "report" / "sections"
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert files == {find_section(name).name for name in section_names()}
