"""Writes the made-up data of this folder: ``python generate.py [FOLDER]``.

The same schools and months as in ``../school_absence``, with two differences: absence in the programme schools was
falling by itself from November 2021 until September 2023 (they were going over to another way of recording absence),
and the programme adds hardly anything.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location(
    "school_absence_generate", HERE.parent / "school_absence" / "generate.py"
)
if _spec is None or _spec.loader is None:
    message = "the generator of ../school_absence is missing"
    raise FileNotFoundError(message)
base = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = base
_spec.loader.exec_module(base)

SCENARIO = replace(base.SCENARIO, seed=12, ramp=(-0.02,), drift=-0.012, drift_months=(3, 23))

if __name__ == "__main__":
    base.main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE, SCENARIO)
