"""Who pays what."""

from __future__ import annotations

from evaltool.report.section import Section
from evaltool.report.sections._parts import payer_table

SECTION = Section("amount", payer_table)
