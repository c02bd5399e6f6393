"""What is asked before something is gone, and how secrets come in: never as an argument."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tui.command_line.exits import Failed


def is_somebody_there() -> bool:
    """Whether a question would be seen and could be answered."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def typed(name: str, lost: str, *, yes: bool) -> None:
    """Goes on once the name was typed, or with `yes`. Raises Failed; `lost` says what will be gone."""
    if yes:
        return
    if not is_somebody_there():
        raise click.UsageError(f"{lost} Nobody can be asked here: say so with --yes.")
    click.echo(lost, err=True)
    answer = click.prompt(f"Type {name} to go on", default="", show_default=False, err=True)
    if answer.strip() != name:
        raise Failed("That is not the name. Nothing was done.")


def agreed(question: str, *, yes: bool) -> bool:
    """Whether to go on: by `yes`, or by an answer. Raises UsageError where nobody can be asked."""
    if yes:
        return True
    if not is_somebody_there():
        raise click.UsageError(f"{question} Nobody can be asked here: say so with --yes.")
    return click.confirm(question, default=False, err=True)


def password(prompt: str = "Password", *, new: bool = False) -> str:
    """A password from the terminal, unseen, or the first line of standard input."""
    if is_somebody_there():
        said: str = click.prompt(prompt, hide_input=True, confirmation_prompt=new, err=True)
        return said
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.UsageError(f"{prompt}: nobody can be asked here, and standard input is empty.")
    return line


def content(path: Path, what: str) -> str:
    """A file of the operator's, or standard input for `-`. Raises Failed."""
    try:
        return sys.stdin.read() if str(path) == "-" else path.expanduser().read_text(encoding="utf-8")
    except OSError as unreadable:
        raise Failed(f"{what} {path} cannot be read: {unreadable.strerror}.") from unreadable
    except UnicodeDecodeError as binary:
        raise Failed(f"{what} {path} is not a text file.") from binary
