"""Names of everything in a bundle, stated once."""

from __future__ import annotations

PLAN = "plan.toml"
LOCK = "plan.lock"
README = "README.md"
CRATE = "ro-crate-metadata.json"
MANIFEST = "manifest.json"
NOTEBOOK = "report.ipynb"
RELEASE = "release"
EVIDENCE = "evidence"
DETERMINATION = "release/determination.json"
REPORT_HTML = "release/report.html"
REPORT_PDF = "release/report.pdf"
NOTICE_HTML = "release/notice.html"
NOTICE_PDF = "release/notice.pdf"
RUN = "evidence/run.json"
LEDGER = "evidence/ledger.json"
ROSTER = "evidence/roster.csv"
ENVIRONMENT = "evidence/environment.json"
DATA_INDEX = "evidence/data.json"
DATA_FOLDER = "evidence/data"

REQUIRED = (PLAN, README, CRATE, DETERMINATION, RUN, LEDGER, ENVIRONMENT, DATA_INDEX)
"""Without these a folder is no bundle, whatever its manifest says."""
