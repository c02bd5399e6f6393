"""`keelyard user`: accounts, wherever they are kept."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable

import click
import msgspec

from engine.domain.statuses import Role
from engine.processes import composition
from engine.services import identities, passwords, settings, state
from engine.services.directory import NewUser, User, UserChange
from engine.services.identity import Caller
from engine.services.users import Users


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
    wanted = NewUser(email=email, password=password, roles=frozenset({Role(role)}), full_name=full_name)
    _run(lambda users: users.create(wanted, _caller()))
    click.echo(f"Account {email.lower()} ({role}) made.", err=True)
    if not password_stdin:
        click.echo(password)


@user.command("set-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def set_password(email: str, password_stdin: bool) -> None:
    """Change a password and end every session of the account. Without --password-stdin it is made up."""
    password = _read_password() if password_stdin else passwords.generate()

    async def work(users: Users) -> None:
        await users.set_password((await users.find(email)).id, password, _caller())

    _run(work)
    click.echo(f"Password of {email.lower()} changed; its sessions have ended.", err=True)
    if not password_stdin:
        click.echo(password)


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_accounts(as_json: bool) -> None:
    """Show all accounts."""
    found = _run(lambda users: users.every())
    if as_json:
        rows = [
            {
                "id": str(account.id),
                "email": account.email,
                "full_name": account.full_name,
                "roles": _roles(account),
                "enabled": account.enabled,
                "created_at": account.created_at,
            }
            for account in found
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    for account in found:
        note = "" if account.enabled else "  (disabled)"
        click.echo(f"{account.email}  {', '.join(_roles(account)) or 'no role'}{note}")


@user.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let a disabled account in again."""
    _run(lambda users: _set_enabled(users, email, enabled=True))
    click.echo(f"Account {email.lower()} enabled.", err=True)


@user.command()
@click.argument("email")
def disable(email: str) -> None:
    """Shut an account out and end its sessions."""
    _run(lambda users: _set_enabled(users, email, enabled=False))
    click.echo(f"Account {email.lower()} disabled.", err=True)


@user.command("set-role")
@click.argument("email")
@click.argument("role", type=click.Choice([role.value for role in Role]))
def set_role(email: str, role: str) -> None:
    """Give an account another role; when it loses one, its sessions end."""

    async def work(users: Users) -> None:
        change = UserChange(roles=frozenset({Role(role)}))
        await users.update((await users.find(email)).id, change, _caller())

    _run(work)
    click.echo(f"Account {email.lower()} is {role} now.", err=True)


@user.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(email: str, yes: bool) -> None:
    """Forget an account and end its sessions."""
    if not yes:
        click.confirm(f"Delete account {email.lower()}?", abort=True, err=True)

    async def work(users: Users) -> None:
        await users.delete((await users.find(email)).id, _caller())

    _run(work)
    click.echo(f"Account {email.lower()} deleted.", err=True)


async def _set_enabled(users: Users, email: str, *, enabled: bool) -> None:
    await users.set_enabled((await users.find(email)).id, _caller(), enabled=enabled)


def _roles(account: User) -> list[str]:
    return [role.value for role in Role if role in account.roles]


def _read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")


def _caller() -> Caller:
    return Caller(address="command line", user_agent="keelyard user")


def _run[T](work: Callable[[Users], Awaitable[T]]) -> T:
    """The result of the work, with the database open around it."""
    loaded = settings.load()
    url = composition.database_url(loaded)

    async def connected() -> T:
        await state.open_database(url)
        try:
            known = identities.of(loaded)
            try:
                return await work(known.users)
            finally:
                await known.close()
        finally:
            await state.close_database()

    return asyncio.run(connected())
