"""``evaltool schema``: JSON Schema of the plan, for editors."""

from __future__ import annotations

from evaltool.cli.terminal import Format, FormatOption, answer


def schema(form: FormatOption = Format.json) -> None:
    """Print the JSON Schema of plan.toml. Both formats are the same JSON: it is made for editors.

    Save it beside the plan and name it in the plan's first line, ``#:schema ./plan.schema.json``: editors that know
    TOML (Even Better TOML, taplo) then complete keys, show what they mean, and mark what is wrong while it is typed.
    """
    from evaltool.planning.schema import plan_schema  # noqa: PLC0415 - keeps --help light

    del form
    answer(plan_schema())
