"""The bundle's own words: README.md and ro-crate-metadata.json, both functions of the run and of what is there."""

from __future__ import annotations

from collections.abc import Sequence

from evaltool.bundle import layout
from evaltool.records.base import Json, canonical_json
from evaltool.records.run import Run

PURPOSES = {
    layout.PLAN: "the plan as it was agreed, byte for byte",
    layout.LOCK: "the seal put on the plan before outcomes were known",
    layout.DETERMINATION: "the machine record: decision, arithmetic, estimates, gates",
    layout.REPORT_HTML: "the technical report for the screen",
    layout.REPORT_PDF: "the technical report for print",
    layout.NOTICE_HTML: "the payment notice for the screen",
    layout.NOTICE_PDF: "the payment notice for print",
    layout.NOTEBOOK: "the executed notebook behind the reports",
    layout.RUN: "every record of the evaluation",
    layout.LEDGER: "everything left out, with the reason",
    layout.ROSTER: "who took part: unit, first treated period, weight",
    layout.ENVIRONMENT: "versions of the software and the numeric surroundings",
    layout.DATA_INDEX: "which data file stands where",
    layout.DESIGN_LOCK: "the design as it was sealed without outcomes; holds unit ids",
    layout.SIGNED_MANIFEST: "the manifest of the run as it was judged",
    layout.SIGNED_DETERMINATION: "the machine record as it was judged, before any sign-off",
}
TYPES = {".json": "application/json", ".toml": "application/toml", ".html": "text/html", ".pdf": "application/pdf"}
TYPES |= {".md": "text/markdown", ".ipynb": "application/x-ipynb+json", ".csv": "text/csv", ".lock": "text/plain"}

KEEP_APART = (
    "`release/` holds no cell below the contract's minimum and no unit id. `evidence/` stays in the secure "
    "environment: it may hold rows about single units. Never send the whole bundle where only `release/` may go."
)
WHAT_IT_PROVES = (
    "The manifest proves that nothing changed since it was written. It does not prove who wrote it: keep its own "
    "sha256, printed when the run ended, somewhere the bundle's holder cannot write."
)


def purpose(name: str) -> str:
    """What a file of the bundle is, in one phrase."""
    if name.startswith(f"{layout.DATA_FOLDER}/"):
        return "copy of a data file, for recomputing"
    if name.startswith(f"{layout.SIGN_OFFS}/") and name not in PURPOSES:
        return "a person's judgement on a check"
    if layout.VARIATION.fullmatch(name):
        return "a signed variation of the locked plan"
    return PURPOSES.get(name, "part of the report" if name.startswith(f"{layout.RELEASE}/") else "evidence")


def readme_bytes(run: Run, names: Sequence[str]) -> bytes:
    """The bundle's README in the form data editors ask for: what it is, what it holds, how to check it."""
    plan, decision, estimate = run.plan, run.decision, run.estimate
    lock = "sealed before it was used" if run.lock.state == "locked" else "never sealed"
    flags = ", ".join((*decision.flags, *decision.reasons)) or "none"
    data = "none (published figures only)"
    if run.data is not None:
        data = f"{run.data.rows} rows, {run.data.units} units, content fingerprint `{run.data.fingerprint}`"
    lines = [
        f"# {plan.programme.title.in_language('en') or plan.programme.id}",
        "",
        f"Evaluation of the contract `{plan.programme.id}`, version {plan.programme.version}, as of {run.as_of}.",
        "",
        f"- Decision: **{decision.state}**, {decision.amount} {decision.currency}; flags and reasons: {flags}",
        f"- Estimate: `{estimate.method}`, {estimate.estimand}, {estimate.att!r} ({estimate.unit})",
        f"- Plan: {lock}; seal `{run.plan_seal}`",
        f"- Data: {data}",
        "",
        "## Files",
        "",
        *[f"- `{name}` — {purpose(name)}" for name in sorted(names)],
        "",
        KEEP_APART,
        "",
        "## How to check and recompute",
        "",
        "    evaltool verify FOLDER           every byte against the manifest, and the records against each other",
        "    evaltool verify FOLDER --rerun   the same, then everything computed again from this bundle alone",
        "",
        WHAT_IT_PROVES,
        "",
        "## Software",
        "",
        *[f"- {name} {version}" for name, version in sorted(run.versions.items())],
        "",
    ]
    return "\n".join(lines).encode()


def crate_bytes(run: Run, names: Sequence[str]) -> bytes:
    """RO-Crate 1.1 metadata: the whole run is one CreateAction.

    With an executed notebook the crate follows the Workflow Run Crate profile 0.5 and the notebook is its workflow;
    without one it follows the Process Run Crate profile. Dates are the run's ``as_of``, since no clock is read.
    """
    day = run.as_of.isoformat()
    files = sorted(names)
    inputs = [n for n in files if n in {layout.PLAN, layout.LOCK} or n.startswith(f"{layout.DATA_FOLDER}/")]
    workflow = layout.NOTEBOOK if layout.NOTEBOOK in files else None
    made = [n for n in files if n not in {*inputs, workflow}]
    profiles = ["process", "workflow"] if workflow else ["process"]
    root: dict[str, Json] = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Evaluation of {run.plan.programme.title.in_language('en') or run.plan.programme.id}",
        "description": f"Contract {run.plan.programme.id}, version {run.plan.programme.version}",
        "datePublished": day,
        "license": "The contract's own terms; evidence/ must not leave the secure environment.",
        "conformsTo": [{"@id": f"https://w3id.org/ro/wfrun/{profile}/0.5"} for profile in profiles],
        "hasPart": [{"@id": name} for name in files],
        "mentions": [{"@id": "#run"}],
    }
    if workflow:
        root["mainEntity"] = {"@id": workflow}
    graph: list[Json] = [
        {
            "@id": layout.CRATE,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": "https://w3id.org/ro/crate/1.1"}],
        },
        root,
        {"@id": "#evaltool", "@type": "SoftwareApplication", "name": "evaltool", "version": run.versions["evaltool"]},
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": "evaltool run",
            "instrument": {"@id": workflow or "#evaltool"},
            "object": [{"@id": name} for name in inputs],
            "result": [{"@id": name} for name in made],
            "endTime": day,
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
        *[_file_entity(name) for name in files],
    ]
    if workflow:
        graph.append({"@id": "#jupyter", "@type": "ComputerLanguage", "name": "Jupyter notebook, Python"})
    return canonical_json({"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph})


def _file_entity(name: str) -> Json:
    """One file as RO-Crate describes it; sizes and hashes stand in the manifest, once."""
    suffix = name[name.rfind(".") :] if "." in name else ""
    entity: dict[str, Json] = {
        "@id": name,
        "@type": "File",
        "name": purpose(name),
        "encodingFormat": TYPES.get(suffix, "application/octet-stream"),
    }
    if name == layout.NOTEBOOK:
        entity |= {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "programmingLanguage": {"@id": "#jupyter"},
        }
    return entity
