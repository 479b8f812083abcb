"""What the mechanisms' terms share: positive amounts, ascending thresholds, shares as fractions, parsed types."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from evaltool.records.base import Exact, Record, Share

Positive = Annotated[Exact, Field(gt=0)]
"""An amount or price above zero."""
NotNegative = Annotated[Exact, Field(ge=0)]
"""An amount of zero or more."""
NotEmpty = Annotated[Share, Field(gt=0)]
"""A share above zero, at most one."""
T = TypeVar("T", bound=Record)


def terms_as(model: type[T], terms: Record) -> T:
    """``terms`` as the mechanism's own model. Raises TypeError when they were parsed as another's."""
    if not isinstance(terms, model):
        message = f"terms of type {type(terms).__name__} given to a mechanism that needs {model.__qualname__}"
        raise TypeError(message)
    return terms


def ratio_text(value: object) -> object:
    """A share as text: a decimal, or a fraction of whole numbers such as ``1/3``, which no decimal can write."""
    return str(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else value


def _is_share(text: str) -> str:
    """``text`` when it is a fraction or a decimal between 0 and 1. Raises ValueError."""
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        message = f"'{text}' is neither a decimal nor a fraction such as 1/3"
        raise ValueError(message) from None
    if not 0 <= found <= 1:
        message = f"{text} does not lie between 0 and 1"
        raise ValueError(message)
    return text


Ratio = Annotated[
    str, BeforeValidator(ratio_text), Field(pattern=r"^[0-9.]{1,30}(/[0-9]{1,18})?$"), AfterValidator(_is_share)
]
"""A share that may be written as a fraction: ``"0.25"`` or ``"1/3"``."""


def times(value: Decimal, ratio: str) -> Decimal:
    """``value`` times a ``Ratio``, divided once at the end."""
    share = Fraction(ratio)
    return value * share.numerator / share.denominator


def unknown_maximum(_terms: Record) -> Decimal | None:
    """The top amount of a rule of rules: unknown from its terms alone; its result knows it."""
    return None


def no_thresholds(_terms: Record) -> tuple[Decimal, ...]:
    """The thresholds of a mechanism that has none of its own."""
    return ()


def refuse_weights(weights: Sequence[Decimal], what: str) -> None:
    """Raises ValueError unless ``weights`` sum to exactly one."""
    total = sum(weights, Decimal(0))
    if total != 1:
        message = f"the weights of {what} sum to {total}, not to 1"
        raise ValueError(message)


def refuse_repeated(values: Sequence[object], what: str) -> None:
    """Raises ValueError when ``values`` name one thing twice."""
    if len(set(values)) < len(values):
        message = f"{what} are named more than once"
        raise ValueError(message)


def refuse_unordered(values: Sequence[Decimal], what: str, *, strictly: bool = True) -> None:
    """Raises ValueError unless ``values`` rise (or, when not ``strictly``, never fall)."""
    for first, second in pairwise(values):
        if second < first or (strictly and second == first):
            rule = "rise" if strictly else "never fall"
            message = f"{what} must {rule} from entry to entry: {second} follows {first}"
            raise ValueError(message)
