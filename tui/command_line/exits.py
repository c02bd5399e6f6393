"""How a command ends: one exit code for each thing that a script does differently about."""

from __future__ import annotations

from typing import IO, Any, override

import click

from tui import errors

DIFFERS = 2  # of plan, verify and apply --dry-run: something would change; of anything else: wrong usage


class Failed(click.ClickException):
    """Refused, not there, or a job that was waited for did not succeed; `remedy` says what helps."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    @override
    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"Error: {self.message}", err=True)
        if self.remedy:
            click.echo(f"       {self.remedy}", err=True)


class Unreachable(Failed):
    """No usable answer came back."""

    exit_code = 3


class NotSignedIn(Failed):
    """There is no sign-in, or it is no longer good."""

    exit_code = 4


def of(error: errors.ApiError) -> Failed:
    """The end that an error of the server, or of the way to it, makes."""
    match error:
        case errors.Unreachable():
            return Unreachable(str(error))
        case errors.SessionEnded():
            return NotSignedIn(str(error), remedy="Sign in with: keelyard login")
        case errors.TooManyRequests():
            return Failed(f"{error} Try again in {error.retry_after_seconds:.0f} s.")
    return Failed(str(error))
