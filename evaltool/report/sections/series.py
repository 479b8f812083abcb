"""The plain means of each group over time: what the reader would see with the naked eye."""

from __future__ import annotations

from evaltool.plotting.series import draw_series
from evaltool.report.blocks import Block
from evaltool.report.section import Section
from evaltool.report.telling import Telling


def build(telling: Telling) -> tuple[Block, ...]:
    """The figure; nothing where the estimate holds no series or it rests on too few.

    A synthetic control's series have a section of their own (``synthetic_paths``).
    """
    if telling.headline is None or telling.run.design.donors is not None:
        return ()
    points = tuple(p for p in telling.headline.series if not telling.hides("series", p.arm, p.period))
    if len({p.period for p in points}) < 2:  # noqa: PLR2004 - one period is no development
        return ()
    starts = tuple(sorted({c.start for c in telling.run.design.cohorts if c.start is not None}))
    return (telling.figure(draw_series(points, starts, telling.unit, telling.lang)),)


SECTION = Section("series", build)
