"""What was read, on standard output, in the form that was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from tui.command_line.reading import Found
from tui.command_line.resource import Resource
from tui.command_line.table import Table

FORMS = ("table", "wide", "json", "yaml", "name")


def option[**P](command: Callable[P, None]) -> Callable[P, None]:
    """-o, for commands that show things."""
    choice = click.option(
        "-o", "--output", "form", type=click.Choice(FORMS), default="table", help="How to print it."
    )
    return choice(command)


def quiet_option[**P](command: Callable[P, None]) -> Callable[P, None]:
    """-o, for commands that show what they made only when asked."""
    choice = click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(["none", "json", "yaml"]),
        default="none",
        help="Print it.",
    )
    return choice(command)


def show(found: Found, resource: Resource, form: str) -> None:
    """Everything that was found, at once."""
    things = found.things
    match form:
        case "json" | "yaml":
            click.echo(document(things if found.is_list else things[0], form), nl=False)
        case "name":
            for thing in things:
                click.echo(name(thing, resource))
        case _:
            click.echo("\n".join(lines(things, resource, form)))


def lines(things: Sequence[dict[str, Any]], resource: Resource, form: str) -> list[str]:
    """As a table, or as the text that a noun without columns is."""
    if resource.as_text is not None:
        return [resource.as_text(thing) for thing in things]
    if not resource.columns:
        return [document(thing, "yaml").rstrip("\n") for thing in things]
    return Table(resource.columns, wide=form == "wide").whole(things)


def document(thing: Any, form: str) -> str:
    """As JSON or YAML, ending in a line break."""
    from tui.document import as_json, as_yaml  # YAML takes a while to load

    return as_json(thing) if form == "json" else as_yaml(thing)


def one_line(thing: Any) -> str:
    """As JSON on one line."""
    from tui.document import plain

    return json.dumps(plain(thing), ensure_ascii=True)


def name(thing: Mapping[str, Any], resource: Resource) -> str:
    """What other commands take for this thing."""
    return str(thing.get(resource.called) or thing.get("id") or "")


def narrate(found: Found, resource: Resource) -> None:
    """On standard error, what a table cannot say: that there is nothing, or more."""
    if not found.is_list:
        return
    if not found.things:
        click.echo(f"No {resource.name}.", err=True)
    elif found.total > len(found.things):
        click.echo(f"{len(found.things)} of {found.total} {resource.name}; --all shows every one.", err=True)
