"""``evaltool methods``: the registry, as it is found on disk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from evaltool.cli.terminal import Format, FormatOption, answer, say, table
from evaltool.errors import Fault, Place, UsageError, did_you_mean

if TYPE_CHECKING:
    from evaltool.records.base import Record

Entry = dict[str, object]


def methods(
    name: Annotated[str | None, typer.Argument(help="A method, gate or mechanism; all of them when left out.")] = None,
    form: FormatOption = Format.text,
) -> None:
    """List the methods, designs, gates and payment mechanisms, or show one with its options."""
    found = entries()
    if name is None:
        if form is Format.json:
            answer(list(found.values()))
        else:
            rows = [(str(e["kind"]), str(e["name"]), str(e["title"])) for e in found.values()]
            say(table(("kind", "name", "what it is"), rows))
            say("\n`evaltool methods NAME` shows one with its options.")
        return
    if name not in found:
        cause = f"There is no method, design, gate or mechanism called '{name}'."
        fix = "`evaltool methods` lists all of them."
        raise UsageError(Fault("USAGE_UNKNOWN_METHOD", cause, fix, Place(key="NAME"), did_you_mean(name, list(found))))
    if form is Format.json:
        answer(found[name])
    else:
        _show(found[name])


def entries() -> dict[str, Entry]:
    """Every plug-in by name: kind, title, options and what else its record says."""
    from evaltool import registry  # noqa: PLC0415 - keeps --help light

    found: dict[str, Entry] = {}
    for name in registry.estimator_names():
        estimator = registry.estimator(name)
        facts = estimator.capabilities.to_json()
        entry = {"kind": "estimator", "name": name, "title": estimator.capabilities.title, "capabilities": facts}
        entry["second_opinion"] = estimator.second_opinion is not None
        found[name] = entry | {
            "options": _options(estimator.options),
            "about": _about(registry.estimator_names()[name]),
        }
    for name, module in registry.design_names().items():
        design = registry.design(name)
        entry = {"kind": "design", "name": name, "title": design.title}
        found[name] = entry | {"options": _options(design.options), "about": _about(module)}
    for gate in registry.gates():
        entry = {"kind": "gate", "name": gate.name, "title": _headline(registry.gate_names()[gate.name])}
        entry |= {"consequence": gate.consequence, "default_on": gate.default_on}
        entry["source"] = gate.source.in_language("en")
        found[gate.name] = entry | {
            "options": _options(gate.options),
            "about": _about(registry.gate_names()[gate.name]),
        }
    for name, module in registry.mechanism_names().items():
        mechanism = registry.mechanism(name)
        entry = {"kind": "mechanism", "name": name, "title": mechanism.title, "pays_on": mechanism.uses}
        found[name] = entry | {"options": _options(mechanism.terms), "about": _about(module)}
    return found


def _about(module: str) -> str:
    """The method file's own words: estimand, equation, assumptions, source."""
    import importlib  # noqa: PLC0415 - keeps --help light
    import inspect  # noqa: PLC0415 - same

    return inspect.cleandoc(importlib.import_module(module).__doc__ or "")


def _headline(module: str) -> str:
    """The first sentence of the file's own words."""
    return _about(module).split("\n", 1)[0]


def _options(model: type[Record]) -> list[Entry]:
    """Name, type and default of every option of a plug-in."""
    shown = []
    for name, field in model.model_fields.items():
        entry: Entry = {"name": name, "type": _type(field.annotation), "required": field.is_required()}
        if not field.is_required():
            entry["default"] = _plain(field.get_default(call_default_factory=True))
        shown.append(entry)
    return shown


def _type(annotation: object) -> str:
    """A type as a reader of plans knows it, without the modules it comes from."""
    if isinstance(annotation, type):
        return annotation.__name__
    return re.sub(r"(?:\w+\.)+(\w+)", r"\1", str(annotation)) if "[" in str(annotation) else str(annotation)


def _plain(value: object) -> object:
    """A default as JSON values."""
    from evaltool.records.base import plain  # noqa: PLC0415 - keeps --help light

    return plain(value)


def _show(entry: Entry) -> None:
    """One plug-in as text."""
    say(f"{entry['name']}  ({entry['kind']})")
    say(f"\n{entry['about']}\n")
    for key, value in entry.items():
        if key in {"name", "kind", "about", "options", "title"}:
            continue
        facts = value if isinstance(value, dict) else {key: value}
        for fact, content in facts.items():
            shown = ", ".join(str(v) for v in content) if isinstance(content, list) else content
            say(f"{str(fact).replace('_', ' '):24} {shown}")
    options = entry["options"]
    if isinstance(options, list) and options:
        rows = [(o["name"], o["type"], "required" if o["required"] else str(o["default"])) for o in options]
        say("\n" + table(("option", "type", "default"), rows))
