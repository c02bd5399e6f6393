"""Passwords and tokens come in unseen and go nowhere; completion asks the server and never complains."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from engine.processes import command_line
from tests.command_line import installation
from tests.command_line.conftest import CommandLine, cluster_file, keelyard, succeeded
from tests.contract import harness
from tests.standins import processes
from tests.standins.provisioner_api import PASSWORD, ProvisionerApi
from tests.standins.provisioner_bodies import EMAIL, JOB_ID
from tui.command_line.access import Surroundings

CANARIES = (PASSWORD, "access-1", "refresh-1")


def commands() -> Iterator[click.Command]:
    """Every command of the command line's client, those of groups too."""
    for entry in metadata.entry_points(group=command_line.GROUP):
        if entry.value.startswith("tui.command_line."):
            command = entry.load()
            yield from command.commands.values() if isinstance(command, click.Group) else [command]


def test_no_secret_can_be_an_argument(home: Path) -> None:
    values = [
        (command.name, parameter.opts[0])
        for command in commands()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        and not parameter.is_flag
        and not isinstance(parameter.type, click.Path)
        and any(word in parameter.opts[0] for word in ("password", "secret", "token", "key", "passphrase"))
    ]

    assert len(list(commands())) > 25
    assert values == []


def test_no_secret_is_printed_or_left_readable(home: Path) -> None:
    command = CommandLine(ProvisionerApi())
    said = [command("login", "--email", EMAIL, said=f"{PASSWORD}\n")]
    assert command.api is not None
    said += [command("get", "clusters", "-o", form) for form in ("table", "wide", "json", "yaml", "name")]
    said += [command("get", "job", JOB_ID), command("cancel", JOB_ID), command("profiles")]
    command.api.down = True
    said += [command("get", "jobs")]
    command.api.down = False
    command.api.revoke_session()
    said += [command("get", "jobs"), command("logout")]

    told = "".join(each.output for each in said)
    assert [canary for canary in CANARIES if canary in told] == []
    assert PASSWORD not in (home / "config.yaml").read_text()
    kept = [file for file in (home / "state").rglob("*") if file.is_file()]
    assert [file for file in kept if file.stat().st_mode & 0o077] == []
    assert [file for file in kept if PASSWORD in file.read_text()] == []


async def test_no_secret_is_in_the_list_of_processes(server: harness.Api, home: Path) -> None:
    hook = "https://hooks.example.com/canary-41c7"
    file = cluster_file(home)
    with processes.watched() as seen:
        asked = ("login", "--url", server.url, "--email", harness.ADMIN)
        ended = [await keelyard(*asked, said=f"{harness.PASSWORD}\n")]
        ended += [await keelyard("apply", "-f", str(file), "--yes")]
        ended += [await keelyard("create", "channel", "hook", said=f"{hook}\n")]
        ended += [await keelyard("rotate-secret", "hook")]
        ended += [await keelyard("get", "clusters")]

    assert [each.err for each in ended if each.code] == []
    assert seen.with_any(["engine.processes apply -f"])
    kept = [path.read_text() for path in (home / "state").rglob("*") if path.is_file()]
    tokens = [word for text in kept for word in re.findall(r"[\w.-]{24,}", text)]
    secrets = [ended[2].out.strip(), ended[3].out.strip(), harness.KEY.splitlines()[1], *tokens]
    assert all(len(secret) >= 24 for secret in secrets)
    assert seen.with_any([harness.PASSWORD, "canary-41c7", "eyJ", *secrets]) == []


@pytest.mark.parametrize(
    ("words", "begun", "completed"),
    [
        (["get"], "clu", ["clusters"]),
        (["get", "clusters"], "", ["edge-07"]),
        (["get", "nodes"], "ed", ["edge-07"]),
        (["kubeconfig"], "", ["edge-07"]),
        (["cancel"], JOB_ID[:4], [JOB_ID]),
        (["delete"], "us", ["user"]),
    ],
)
def test_names_are_completed(
    home: Path, words: list[str], begun: str, completed: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    command = CommandLine(ProvisionerApi())
    succeeded(command("login", "--email", EMAIL, said=f"{PASSWORD}\n"))
    assert command.api is not None

    def complete() -> list[str]:
        around = {"obj": Surroundings(transport=command.api.transport)} if command.api else {}
        shell = BashComplete(command_line.keelyard, around, "keelyard", "_KEELYARD_COMPLETE")
        return [item.value for item in shell.get_completions(words, begun)]

    assert complete() == completed
    command.api.down = True
    assert complete() == (completed if words in (["get"], ["delete"]) else [])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(home: Path, shell: str) -> None:
    script = succeeded(CommandLine()("completion", shell))

    assert "_KEELYARD_COMPLETE" in script
    assert str(installation.ROOT) not in script
    assert sys.executable not in script
