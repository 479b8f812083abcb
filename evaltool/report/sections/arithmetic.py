"""The exact arithmetic from estimate to amount, step by step, in words."""

from __future__ import annotations

from evaltool.report.section import Section
from evaltool.report.sections._parts import trace_table

SECTION = Section("arithmetic", trace_table)
