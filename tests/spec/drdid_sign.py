"""Makes the doubly robust influence values of cross-sections those of R DRDID 1.2.3, for comparing with its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evaltool.numerics import cross_sections
from evaltool.numerics.two_period import Contrast


def with_the_sign_of_r(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doubly robust influence values as R DRDID 1.2.3 adds them up."""
    combined = cross_sections._combined

    def as_in_r(terms: list[Any], *rest: Any) -> Contrast:  # noqa: ANN401 - the private function's own types
        robust = len(terms) == 8 and terms[2].scored
        turned = [
            replace(term, depends=tuple((name, -factor) for name, factor in term.depends))
            if robust and k in {1, 3}
            else term
            for k, term in enumerate(terms)
        ]
        return combined(turned, *rest)

    monkeypatch.setattr(cross_sections, "_combined", as_in_r)
