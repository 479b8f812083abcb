"""How far apart several estimates of one effect are, in exact decimals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Smallest and largest of all figures, the largest distance from the agreed one, and that as a share of its size.

    ``share`` is None where the agreed figure is zero. ``same_sign`` counts the others on its side of zero.
    """

    lowest: Decimal
    highest: Decimal
    distance: Decimal
    share: Decimal | None
    others: int
    same_sign: int


def disagreement(agreed: Decimal, others: Sequence[Decimal]) -> Disagreement | None:
    """Of the ``agreed`` figure and the ``others`` beside it; None where there are no others."""
    if not others:
        return None
    distance = max(abs(other - agreed) for other in others)
    return Disagreement(
        lowest=min(agreed, *others),
        highest=max(agreed, *others),
        distance=distance,
        share=None if agreed == 0 else distance / abs(agreed),
        others=len(others),
        same_sign=sum((other > 0) == (agreed > 0) and (other < 0) == (agreed < 0) for other in others),
    )
