"""The `keelyard` command: finds its subcommands through entry points and turns errors into exit codes.

Exit codes: 0 done, 1 failed with a message, 2 wrong usage or, of plan and verify, a difference found, 3 a run
ended with failed nodes (`keelyard run`) or a server cannot be reached, 4 not signed in, 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import override

import click

from engine.domain.errors import KeelyardError, RunFailed

GROUP = "keelyard.commands"


class Subcommands(click.Group):
    """A group whose commands are loaded when they are asked for, so that a broken one breaks only itself."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(entry.name for entry in metadata.entry_points(group=GROUP))

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for entry in metadata.entry_points(group=GROUP, name=cmd_name):
            command = entry.load()
            assert isinstance(command, click.Command)
            return command
        return None


@click.command(cls=Subcommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(metadata.version("keelyard"), prog_name="keelyard")
def keelyard() -> None:
    """Lay down, run and keep Kubernetes clusters."""


def main() -> None:
    """Entry point of the console script."""
    try:
        code = keelyard.main(standalone_mode=False)  # a command that leaves early returns its exit code here
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeelyardError as error:
        click.echo(f"Error: {error.message}", err=True)
        if error.remedy:
            click.echo(f"       {error.remedy}", err=True)
        sys.exit(3 if isinstance(error, RunFailed) else 1)
    sys.exit(code if isinstance(code, int) else 0)
