"""Names of everything in a bundle, stated once."""

from __future__ import annotations

import re

PLAN = "plan.toml"
LOCK = "plan.lock"
VARIATION = re.compile(r"plan\.variation-[1-9][0-9]{0,2}\.toml")
"""Signed changes of the locked plan, beside it."""
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
DESIGN_LOCK = "evidence/plan.design.lock"
SIGN_OFFS = "sign_offs"
SIGNED_MANIFEST = "sign_offs/run.manifest.json"
SIGNED_DETERMINATION = "sign_offs/run.determination.json"

REQUIRED = (PLAN, README, CRATE, DETERMINATION, RUN, LEDGER, ENVIRONMENT, DATA_INDEX)
"""Without these a folder is no bundle, whatever its manifest says."""
