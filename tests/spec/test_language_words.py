"""Languages, names without words of their own, and texts said twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evaltool.language import words
from evaltool.language.words import Voice, all_words


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of English texts."""
    (tmp_path / "en").mkdir()
    monkeypatch.setattr(words, "TEXTS", tmp_path)
    all_words.cache_clear()
    yield tmp_path / "en"
    all_words.cache_clear()


def test_a_language_that_is_not_spoken() -> None:
    with pytest.raises(ValueError, match="da and en, not in 'sv'"):
        all_words("sv")


def test_a_key_said_twice_is_refused_with_its_file(texts: Path) -> None:
    (texts / "a.toml").write_text('[x]\ny = "one"\n')
    (texts / "b.toml").write_text('[x]\nz = "two"\n')
    assert dict(all_words("en")) == {"x.y": "one", "x.z": "two"}
    all_words.cache_clear()
    (texts / "b.toml").write_text('[x]\ny = "two"\n')
    with pytest.raises(ValueError, match=r"b\.toml says 'x\.y' a second time"):
        all_words("en")


@pytest.mark.parametrize(
    ("cohort", "danish", "english"),
    [
        ("cohort_1", "Kohorte 1", "Cohort 1"),
        ("cohort-2024", "Kohorte 2024", "Cohort 2024"),
        ("start_august", "Start august", "Start august"),
        ("cohort_in_spring", "Cohort in spring", "Cohort in spring"),
    ],
)
def test_cohorts_in_words(cohort: str, danish: str, english: str) -> None:
    assert Voice("da").cohort(cohort) == danish
    assert Voice("en").cohort(cohort) == english


def test_a_name_without_words_is_made_readable(texts: Path) -> None:
    (texts / "a.toml").write_text('[gate]\nlocked = "Sealed"\n')
    voice = Voice("en")
    assert (voice.name_of("gate", "locked"), voice.name_of("gate", "new_check")) == ("Sealed", "new check")
    assert voice.says("gate.locked")
    with pytest.raises(KeyError):
        voice.say("gate.new_check")
