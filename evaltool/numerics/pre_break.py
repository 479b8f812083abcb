"""A break in the time before the start: the largest cumulated deviation of gaps from their mean, and where it lies.

B = max over k of |Σ_{t ≤ k} (g_t − ḡ)| / (s √T), s² the mean of (g_t − ḡ)². Donors' own gaps, each fitted on the
others, are its distribution where units are exchangeable: nothing is assumed of its law, and a fit before the start
leaves donors' gaps as small as the treated unit's.

Source: Brown, Durbin & Evans 1975 (JRSS B 37) and Ploberger & Krämer 1992 (Econometrica 60), CUSUM of least-squares
residuals; ranks among placebos after Abadie, Diamond & Hainmueller 2010.
"""

from __future__ import annotations

import math

import numpy as np

from evaltool.numerics.inference import Floats
from evaltool.numerics.simplex_control import TIED, Rank, mean_of


def cusum(gaps: Floats) -> tuple[float, int]:
    """B of gaps (T,) in time order, T ≥ 2, and the place where the second part begins; 0.0 where they do not vary."""
    centred = gaps - mean_of(gaps)
    size = math.sqrt(math.fsum((centred * centred).tolist()))
    sums = np.abs(np.cumsum(centred))[:-1]
    place = int(np.argmax(sums)) + 1
    return (float(sums[place - 1]) / size if size > 0.0 else 0.0), place


def break_rank(own: Floats, others: tuple[Floats, ...]) -> Rank:
    """Place of ``own`` gaps among all units by B; ties count against them."""
    mine = cusum(own)[0]
    return Rank(1 + sum(cusum(other)[0] >= mine * (1.0 - TIED) for other in others), 1 + len(others))
