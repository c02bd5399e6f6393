"""Everything that the API offers is within reach of the command line; and starting it is cheap."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from typing import Any

import click

from api import app
from api.openapi import document
from tests.command_line import installation
from tests.contract.harness import settings
from tui.command_line.operations import LEFT_OUT, OPERATIONS
from tui.command_line.resources import RESOURCES

_NAMED = re.compile(r"\"((?:GET|POST|PUT|PATCH|DELETE) /api/v1/[^\"]*)\"")
SOURCES = installation.ROOT / "tui" / "command_line"


@cache
def offered() -> dict[str, Any]:
    """What the OpenAPI document has of this contract."""
    paths = json.loads(document(app.create_app(settings("postgresql://nowhere/none"))))["paths"]
    return {
        f"{method.upper()} {path}": operation
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path.startswith("/api/v1/")
    }


def test_every_operation_is_carried_out_by_a_command() -> None:
    reached = {operation for operations in OPERATIONS.values() for operation in operations}

    assert set(offered()) - reached - set(LEFT_OUT) == set()
    assert (reached | set(LEFT_OUT)) - set(offered()) == set()


def test_filters_and_orders_are_those_of_the_api() -> None:
    for resource in RESOURCES:
        if resource.list:
            known = {each["name"] for each in offered()[resource.list].get("parameters", ())}
            assert set(resource.filters.values()) <= known, resource.name
            assert resource.sorts is ("sort" in known), resource.name
            assert resource.is_paged is ("page" in known), resource.name


def test_the_table_has_what_the_commands_name() -> None:
    named = {found for file in SOURCES.glob("*.py") for found in _NAMED.findall(file.read_text())}
    reached = {operation for operations in OPERATIONS.values() for operation in operations}

    assert named - reached - set(LEFT_OUT) == set()


def test_every_command_of_the_table_is_installed() -> None:
    installed = installation.entry_points()["keelyard.commands"]
    told = {word.strip() for command in OPERATIONS for word in command.split(" -")[0].split(",")}
    here = {name for name, place in installed.items() if place.startswith("tui.command_line.")}

    assert told | {"profiles", "completion"} == here
    for name in here:
        module, _, attribute = installed[name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        assert command.name == name
        assert command.help
        for each in command.commands.values() if isinstance(command, click.Group) else [command]:
            names = [parameter.name for parameter in each.params]
            assert len(names) == len(set(names)), f"{name} {each.name} has a parameter twice"


def test_no_command_needs_textual() -> None:
    modules = " ".join(f"tui.command_line.{file.stem}," for file in SOURCES.glob("[a-z]*.py")).rstrip(",")
    code = f"import sys, {modules}; print('textual' in sys.modules, 'engine.processes' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.split() == ["False", "False"]
