"""``evaltool schema``: JSON Schema of the plan, for editors."""

from __future__ import annotations

from evaltool.cli.terminal import Format, FormatOption, answer


def schema(form: FormatOption = Format.json) -> None:
    """Print the JSON Schema of plan.toml. Both formats are the same JSON: it is made for editors."""
    from evaltool.records.plan.evaluation_plan import EvaluationPlan  # noqa: PLC0415 - keeps --help light

    del form
    found = EvaluationPlan.model_json_schema(by_alias=True, mode="validation")
    answer({"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "evaltool plan"})
