"""Makes the builders of ``tests/spec`` importable by the reference tests."""

from __future__ import annotations

import sys
from pathlib import Path

SPEC = str(Path(__file__).resolve().parent.parent / "spec")
if SPEC not in sys.path:
    sys.path.insert(0, SPEC)
