"""The rows a measurement is made on: the design's units, of one cohort when cohorts are asked for."""

from __future__ import annotations

import pandas as pd

from evaltool.errors import Fault, Place, RunError
from evaltool.records.evidence import ALL
from evaltool.records.plugins import EstimationRequest


def rows_of(request: EstimationRequest) -> pd.DataFrame:
    """Rows of the units on the roster, of the key's cohort. Raises RunError.

    RUN_NEEDS_DATA without data, RUN_NO_COHORT_COLUMN when a cohort is asked for and no column tells cohorts apart,
    RUN_EMPTY_COHORT when nobody belongs to it.
    """
    panel = request.panel
    if panel is None or panel.masked:
        raise RunError(
            Fault(
                code="RUN_NEEDS_DATA",
                cause="This method measures people or units, and was given no data with outcomes.",
                fix="State a [data] source with a unit and an outcome column.",
                place=Place(key="data.source"),
            )
        )
    frame = panel.frame
    if request.design.roster is not None:
        frame = frame.loc[frame["unit"].isin(request.design.roster["unit"])]
    cohort = request.key.cohort
    if cohort != ALL:
        if "cohort" not in frame:
            raise RunError(
                Fault(
                    code="RUN_NO_COHORT_COLUMN",
                    cause=f"Cohort '{cohort}' is to be measured, but no column says who belongs to which cohort.",
                    fix='Give the column with the cohort ids the role "cohort".',
                    place=Place(key="data.column"),
                )
            )
        frame = frame.loc[frame["cohort"] == cohort]
    if frame.empty:
        raise RunError(
            Fault(
                code="RUN_EMPTY_COHORT",
                cause=f"No row belongs to cohort '{cohort}'." if cohort != ALL else "The data have no row.",
                fix="Correct the cohort ids in the data or in [[population.cohort]].",
                place=Place(key="population.cohort"),
            )
        )
    return frame


def unit_words(request: EstimationRequest) -> str:
    """Unit of measure in English."""
    return request.outcome.unit.in_language("en") or request.outcome.id
