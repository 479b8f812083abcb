"""One tool, one job, in a process of its own: ``python child.py TOOL JOB FILE REPEATS`` prints one line of JSON.

The file is read before the clock starts. ``first`` takes in the import of the tool and its first call; ``again`` is the
median of the calls after it. ``peak`` is the process's largest resident size in megabytes, ``frame`` the input's.
"""

from __future__ import annotations

import importlib
import json
import resource
import statistics
import sys
import time
import warnings
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
warnings.filterwarnings("ignore")


ENOUGH = 60.0
"""Seconds of later calls after which no more are made."""


def main() -> None:
    """Run and print."""
    tool, job, file, repeats = sys.argv[1:5]
    frame = pd.read_parquet(file)
    begin = time.perf_counter()
    run = importlib.import_module(f"jobs.{tool}").JOBS[job]
    value = run(frame)
    first = time.perf_counter() - begin
    again: list[float] = []
    while len(again) < int(repeats) and sum(again) < ENOUGH:
        begin = time.perf_counter()
        run(frame)
        again.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = frame.memory_usage(deep=True).sum() / 2**20
    answer = {"value": float(value), "first": first, "again": statistics.median(again), "peak": peak, "frame": size}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
