"""What the mechanisms' terms share: positive amounts, ascending thresholds, and their parsed type."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, TypeVar

from pydantic import Field

from evaltool.records.base import Exact, Record

Positive = Annotated[Exact, Field(gt=0)]
"""An amount or price above zero."""
NotNegative = Annotated[Exact, Field(ge=0)]
"""An amount of zero or more."""
T = TypeVar("T", bound=Record)


def terms_as(model: type[T], terms: Record) -> T:
    """``terms`` as the mechanism's own model. Raises TypeError when they were parsed as another's."""
    if not isinstance(terms, model):
        message = f"terms of type {type(terms).__name__} given to a mechanism that needs {model.__qualname__}"
        raise TypeError(message)
    return terms


def refuse_unordered(values: Sequence[Decimal], what: str, *, strictly: bool = True) -> None:
    """Raises ValueError unless ``values`` rise (or, when not ``strictly``, never fall)."""
    for first, second in pairwise(values):
        if second < first or (strictly and second == first):
            rule = "rise" if strictly else "never fall"
            message = f"{what} must {rule} from entry to entry: {second} follows {first}"
            raise ValueError(message)
