"""`keelyard login`, `logout` and `profiles`: which servers there are, and being signed in to them."""

from __future__ import annotations

import asyncio
import os

import click

from tui import errors, profiles
from tui.client import Client
from tui.command_line import asking, exits, kept_access
from tui.command_line.access import Access
from tui.command_line.exits import Failed
from tui.profiles import Profile, Profiles
from tui.token_store import TokenStore


@click.command()
@click.option("--profile", envvar="KEELYARD_PROFILE", default="", help="Under which name to keep it.")
@click.option("--url", envvar="KEELYARD_URL", default="", help="The API's address.")
@click.option("--email", envvar="KEELYARD_EMAIL", default="", help="Who signs in; asked for when left out.")
@click.option("--read-only", is_flag=True, help="Keep the profile as one that changes nothing.")
def login(profile: str, url: str, email: str, read_only: bool) -> None:
    """Sign in to a server and stay signed in, here and in the terminal.

    The password is asked for, or is the first line of standard input. What is kept is a sign-in that can be
    revoked, in the system's keyring or in a file that only you can read; never the password.
    """
    access = Access(profile=profile, url=url, read_only=read_only)
    wanted = access.chosen(email)
    client = access.client(wanted)
    if not wanted.email:
        if not asking.is_somebody_there():
            raise click.UsageError("Say who signs in with --email.")
        wanted = access.chosen(click.prompt("E-mail", err=True))
    if client.is_exposed:
        click.echo(f"{client.url} is not encrypted: the password can be read on its way.", err=True)
    password = os.environ.get("KEELYARD_PASSWORD") or asking.password(f"Password of {wanted.email}")
    try:
        asyncio.run(_sign_in(client, wanted, password))
        Profiles.load().save(wanted)
    except errors.ApiError as refused:
        raise exits.of(refused) from refused
    except (errors.ConfigUnreadable, OSError, ValueError) as unkept:
        raise Failed(f"Signed in, but it cannot be kept: {unkept}") from unkept
    role = client.user.role if client.user else ""
    click.echo(f"Signed in to {client.url} as {wanted.email} ({role}), profile {wanted.name}.", err=True)
    if client.remark:
        click.echo(client.remark, err=True)


async def _sign_in(client: Client, profile: Profile, password: str) -> None:
    try:
        await client.sign_in(profile.email, password)
        if client.tokens is not None and client.is_kept:
            kept_access.save(profile.name, client.url, client.tokens)
    finally:
        await client.close()


@click.command()
@click.option("--profile", envvar="KEELYARD_PROFILE", default="", help="Which; the current one by default.")
@click.option("--url", envvar="KEELYARD_URL", default="", help="The API's address instead.")
def logout(profile: str, url: str) -> None:
    """Revoke the kept sign-in and forget it. The profile stays."""
    access = Access(profile=profile, url=url)
    wanted = access.chosen()
    was_there = TokenStore.for_profile(wanted.name).kept() is not None
    client = access.client(wanted)
    try:
        asyncio.run(_sign_out(client, wanted.name))
    except errors.SessionEnded:
        pass  # it was over already
    except errors.ApiError as refused:
        failed = exits.of(refused)
        failed.remedy = "It is forgotten here; on the server it ends by itself."
        raise failed from refused
    except OSError as stays:
        raise Failed(f"The kept sign-in cannot be deleted: {stays}.") from stays
    click.echo("Signed out." if was_there else f"You were not signed in to {client.url}.", err=True)
    if client.remark:
        click.echo(client.remark, err=True)


async def _sign_out(client: Client, profile: str) -> None:
    try:
        kept_access.forget(profile)
        if await client.resume() is not None:
            await client.sign_out()
    except errors.Unreachable:
        TokenStore.for_profile(profile).forget()
        raise
    finally:
        await client.close()


@click.group("profiles", invoke_without_command=True)
@click.pass_context
def profiles_group(context: click.Context) -> None:
    """The servers you work with. Without a subcommand, lists them."""
    if context.invoked_subcommand is None:
        context.invoke(list_profiles)


@profiles_group.command("list")
def list_profiles() -> None:
    """Show every profile; the current one has a star."""
    known = _loaded()
    for profile in known:
        mark = "*" if profile.name == known.current.name else " "
        signed_in = "signed in" if TokenStore.for_profile(profile.name).kept() else "signed out"
        notes = [profile.url, profile.email, signed_in, "read-only" if profile.read_only else ""]
        click.echo(f"{mark} {profile.name}  " + "  ".join(note for note in notes if note))
    if not len(known):
        click.echo(f"No profile yet; `keelyard login --url URL` makes one in {known.path}.", err=True)


@profiles_group.command()
@click.argument("name")
def use(name: str) -> None:
    """Make a profile the current one."""
    known = _loaded()
    found = known.get(name)
    if found is None:
        raise Failed(f"There is no profile {name!r} in {known.path}.")
    _saved(known, found)
    click.echo(f"{found.name} is the current profile now: {found.url}.", err=True)


@profiles_group.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take a profile out of the file and forget its sign-in; it is not revoked on the server."""
    known = _loaded()
    if known.get(name) is None:
        raise Failed(f"There is no profile {name!r} in {known.path}.")
    try:
        TokenStore.for_profile(name).forget()
        kept_access.forget(name)
        known.remove(name)
    except (OSError, errors.ConfigUnreadable) as stays:
        raise Failed(f"Profile {name} could not be removed: {stays}.") from stays
    click.echo(f"Profile {name} removed.", err=True)


def _loaded() -> Profiles:
    try:
        return profiles.Profiles.load()
    except errors.ConfigUnreadable as wrong:
        raise Failed(str(wrong)) from wrong


def _saved(known: Profiles, profile: Profile) -> None:
    try:
        known.save(profile)
    except errors.ConfigUnreadable as wrong:
        raise Failed(str(wrong)) from wrong
