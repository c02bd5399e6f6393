"""`keelyard user`: accounts of the local identity provider."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Coroutine
from typing import Any

import click
import msgspec

from engine.domain.statuses import Role
from engine.processes import composition
from engine.services import accounts, passwords, settings, state
from engine.services.identity import Caller


@click.group()
def user() -> None:
    """Create accounts, change their passwords, shut them out."""


@user.command()
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="viewer", show_default=True)
@click.option("--full-name", default="", help="Name to show.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create(email: str, role: str, full_name: str, password_stdin: bool) -> None:
    """Make an account. Without --password-stdin a random password is made and printed once."""
    password = _read_password() if password_stdin else passwords.generate()
    _run(accounts.create(email, password, Role(role), full_name=full_name, caller=_caller()))
    click.echo(f"Account {email.lower()} ({role}) made.", err=True)
    if not password_stdin:
        click.echo(password)


@user.command("set-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def set_password(email: str, password_stdin: bool) -> None:
    """Change a password and end every session of the account. Without --password-stdin it is made up."""
    password = _read_password() if password_stdin else passwords.generate()
    _run(accounts.set_password(email, password, caller=_caller()))
    click.echo(f"Password of {email.lower()} changed; its sessions have ended.", err=True)
    if not password_stdin:
        click.echo(password)


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_accounts(as_json: bool) -> None:
    """Show all accounts."""
    found = _run(accounts.every())
    if as_json:
        rows = [
            {
                "id": str(account.id),
                "email": account.email,
                "full_name": account.full_name,
                "roles": account.roles,
                "enabled": account.enabled,
                "created_at": account.created_at,
            }
            for account in found
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    for account in found:
        note = "" if account.enabled else "  (disabled)"
        click.echo(f"{account.email}  {', '.join(account.roles)}{note}")


@user.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let a disabled account in again."""
    _run(accounts.set_enabled(email, enabled=True, caller=_caller()))
    click.echo(f"Account {email.lower()} enabled.", err=True)


@user.command()
@click.argument("email")
def disable(email: str) -> None:
    """Shut an account out and end its sessions."""
    _run(accounts.set_enabled(email, enabled=False, caller=_caller()))
    click.echo(f"Account {email.lower()} disabled.", err=True)


def _read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")


def _caller() -> Caller:
    return Caller(address="command line", user_agent="keelyard user")


def _run[T](work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, with the database open around it."""

    async def connected() -> T:
        await state.open_database(url)
        try:
            return await work
        finally:
            await state.close_database()

    try:
        url = composition.database_url(settings.load())
    except BaseException:
        work.close()
        raise
    return asyncio.run(connected())
