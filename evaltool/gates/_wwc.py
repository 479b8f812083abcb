"""The attrition boundaries of the What Works Clearinghouse (WWC).

At an overall attrition of A per cent, the highest difference in attrition between the groups, in percentage points, at
which the expected bias stays below 0.05 standard deviations: ``CAUTIOUS`` when those lost are assumed to differ more,
``OPTIMISTIC`` when less. Index: A = 0, 1, 2, …; beyond the end no difference is low enough.

Source: What Works Clearinghouse Standards Handbook, version 4.1 (2020), table II.1; the model is that of Deke & Chiang
(2017), Evaluation Review 41. Checked entry by entry against two other transcriptions of the table and against the model
(docs/METHODS.md, "How attrition is judged").
"""

from __future__ import annotations

import math
from fractions import Fraction

# fmt: off
CAUTIOUS = (
    "5.7", "5.8", "5.9", "5.9", "6.0", "6.1", "6.2", "6.3", "6.3", "6.3",
    "6.3", "6.2", "6.2", "6.1", "6.0", "5.9", "5.9", "5.8", "5.7", "5.5",
    "5.4", "5.3", "5.2", "5.1", "4.9", "4.8", "4.7", "4.5", "4.4", "4.3",
    "4.1", "4.0", "3.8", "3.6", "3.5", "3.3", "3.2", "3.1", "2.9", "2.8",
    "2.6", "2.5", "2.3", "2.1", "2.0", "1.8", "1.6", "1.5", "1.3", "1.2",
    "1.0", "0.9", "0.7", "0.6", "0.4", "0.3", "0.2", "0.0",
)
OPTIMISTIC = (
    "10.0", "10.1", "10.2", "10.3", "10.4", "10.5", "10.7", "10.8", "10.9", "10.9",
    "10.9", "10.9", "10.9", "10.8", "10.8", "10.7", "10.6", "10.5", "10.3", "10.2",
    "10.0", "9.9", "9.7", "9.5", "9.4", "9.2", "9.0", "8.8", "8.6", "8.4",
    "8.2", "8.0", "7.8", "7.6", "7.4", "7.2", "7.0", "6.7", "6.5", "6.3",
    "6.0", "5.8", "5.6", "5.3", "5.1", "4.9", "4.6", "4.4", "4.2", "3.9",
    "3.7", "3.5", "3.2", "3.0", "2.8", "2.6", "2.3", "2.1", "1.9", "1.6",
    "1.4", "1.1", "0.9", "0.7", "0.5", "0.3",
)
# fmt: on


def boundary(table: tuple[str, ...], overall: Fraction) -> Fraction | None:
    """Highest difference in attrition, as a share, at an overall attrition given as a share; None when none is.

    Between two whole percentages the lower of their two values is taken, so that no figure is more lenient than the
    published ones.
    """
    places = (math.floor(overall * 100), math.ceil(overall * 100))
    if places[1] >= len(table):
        return None
    return min(Fraction(table[place]) for place in places) / 100
