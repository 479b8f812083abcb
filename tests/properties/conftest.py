"""Makes the builders of ``tests/spec`` and of this folder importable by the property tests."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (str(HERE.parent / "spec"), str(HERE)):
    if folder not in sys.path:
        sys.path.insert(0, folder)
