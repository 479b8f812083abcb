"""What the sections on a difference-in-differences share: whether it may be shown, and reasons in words."""

from __future__ import annotations

from evaltool.records.examination import CohortTiming, Examination
from evaltool.report.telling import Telling


def examined(telling: Telling) -> Examination | None:
    """What the headline was put through; None for other methods and where the headline is withheld."""
    return None if telling.withheld else telling.run.examination


def hides_cohort(telling: Telling, cohort: CohortTiming) -> bool:
    """Whether the size of a cohort may not be shown."""
    return telling.hides("cohort", "never" if cohort.start is None else cohort.start)


def hides_any_cohort(telling: Telling, found: Examination) -> bool:
    """Whether some cohort may not be shown: then nothing that compares cohorts is."""
    return any(hides_cohort(telling, cohort) for cohort in found.cohorts)


def cohort_name(telling: Telling, cohort: CohortTiming) -> str:
    """A cohort as a reader knows it."""
    if cohort.start is None:
        return telling.say("label.never_starts")
    return telling.say("label.starts_in", {"start": cohort.label})


def absent_words(telling: Telling, found: Examination, part: str) -> str:
    """Why a part could not be made; empty where it was, or where nobody asked."""
    why = found.absent.get(part)
    return "" if why in {None, "not_asked_for"} else telling.name_of("examination_absent", str(why))
