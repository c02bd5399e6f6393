"""Which server a command speaks to, and as whom: a profile's kept sign-in, or a service token."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import httpx

from tui import errors, profiles, wire
from tui.client import Client
from tui.command_line import asking, exits, kept_access
from tui.command_line.exits import Failed, NotSignedIn
from tui.profiles import Profile
from tui.token_store import TokenStore

_FOR_EVER_SECONDS = 10 * 365 * 86_400  # the server knows when a service token ends; here nothing renews it


@dataclass(frozen=True)
class Surroundings:
    """What a test puts in the place of the network, as the object of the click context."""

    transport: httpx.AsyncBaseTransport | None = None


@dataclass(frozen=True, kw_only=True)
class Access:
    """The options that every command has."""

    profile: str = ""
    url: str = ""
    token_file: Path | None = None
    tenant: str = ""
    read_only: bool = False
    email: str = ""

    def by(self, email: str) -> Access:
        """The same, as this person; nobody in particular when empty."""
        return replace(self, email=email)

    def chosen(self, email: str = "") -> Profile:
        """The profile that the options name. Raises UsageError, Failed."""
        try:
            return profiles.chosen(self.profile, self.url, email, read_only=self.read_only)
        except ValueError as unknown:
            raise click.UsageError(str(unknown)) from unknown
        except errors.ConfigUnreadable as wrong:
            raise Failed(str(wrong)) from wrong

    def client(self, profile: Profile, *, kept: bool = True) -> Client:
        """A client of the profile's server, not signed in yet. Raises UsageError."""
        around = click.get_current_context().find_object(Surroundings) or Surroundings()
        try:
            client = Client(
                profile.url,
                profile=profile.name,
                token_store=TokenStore.for_profile(profile.name) if kept else None,
                read_only=profile.read_only,
                transport=around.transport,
            )
        except ValueError as wrong:
            raise click.UsageError(str(wrong)) from wrong
        if self.tenant:
            client.within(self.tenant)
        return client

    def run[T](self, work: Callable[[Client], Awaitable[T]]) -> T:
        """The result of the work with a client that is signed in. Raises Failed for whatever goes wrong."""
        profile, token = (
            self.chosen(self.email or os.environ.get("KEELYARD_EMAIL", "")),
            self._service_token(),
        )
        try:
            return asyncio.run(self._work(profile, token, work))
        except errors.SessionEnded as ended:
            if token:
                remedy = "It may have expired or been revoked, or be for another server."
                raise NotSignedIn("The service token was refused.", remedy=remedy) from ended
            raise exits.of(ended) from ended
        except errors.ApiError as refused:
            raise exits.of(refused) from refused

    def _service_token(self) -> str:
        token, source = os.environ.get("KEELYARD_TOKEN", "").strip(), "KEELYARD_TOKEN"
        if self.token_file is not None:
            source = f"The token file {self.token_file}"
            token = asking.content(self.token_file, "The token file").strip()
            if not token:
                raise click.UsageError(f"{source} is empty.")
        if not all("!" <= character <= "~" for character in token):  # an error would tell it to everybody
            raise click.UsageError(f"{source} is no token: one line without blanks is needed.")
        return token

    async def _work[T](self, profile: Profile, token: str, work: Callable[[Client], Awaitable[T]]) -> T:
        password = "" if token else os.environ.get("KEELYARD_PASSWORD", "")
        if self.email and not token and not password:
            password = asking.password(f"Password of {self.email}")
        client = self.client(profile, kept=not (token or password))
        try:
            if token:
                client.adopt(_as_tokens(token))
                return await work(client)
            if password and profile.email:
                await client.sign_in(profile.email, password)
                try:
                    return await work(client)
                finally:
                    with suppress(errors.ApiError):
                        await client.leave()
            return await _with_kept_sign_in(client, profile, work)
        finally:
            await client.close()


async def _with_kept_sign_in[T](
    client: Client, profile: Profile, work: Callable[[Client], Awaitable[T]]
) -> T:
    known = kept_access.load(profile.name, client.url)
    if known is not None:
        client.adopt(known)
        client.is_kept = True  # what renews it is in the token store
    elif await client.resume() is None:
        raise errors.SessionEnded(f"You are not signed in to {client.url}.")
    if client.remark:
        click.echo(client.remark, err=True)
    try:
        return await work(client)
    finally:
        now = client.tokens
        if now is not None and (known is None or now.access_token != known.access_token):
            with suppress(OSError):  # the sign-in itself is kept; only the next command takes longer
                kept_access.save(profile.name, client.url, now)


def _as_tokens(token: str) -> wire.Tokens:
    return wire.Tokens(
        access_token=token,
        refresh_token="",
        token_type="bearer",  # noqa: S106  the wire value, not a secret
        expires_in=_FOR_EVER_SECONDS,
        user=wire.User(id="", email="", full_name="", role=""),
    )


def of(parameters: Mapping[str, Any]) -> Access:
    """What the options of a command say; parameters that are not of an Access are left alone."""
    said = {
        name.removeprefix(_PREFIX): value for name, value in parameters.items() if name.startswith(_PREFIX)
    }
    return Access(**said)


def reaches_server[**P](command: Callable[..., None]) -> Callable[P, None]:
    """Gives a command the options of `Access`, and an Access as its first argument."""

    @functools.wraps(command)
    def with_access(*given: Any, **parameters: Any) -> None:
        rest = {name: value for name, value in parameters.items() if not name.startswith(_PREFIX)}
        command(of(parameters), *given, **rest)

    decorated: Any = with_access
    for choice in reversed(_OPTIONS):
        decorated = choice(decorated)
    return decorated  # type: ignore[no-any-return]


_PREFIX = "access_"  # so that no argument of a command has the name of one of these
_OPTIONS = (
    click.option(
        "--profile", "access_profile", envvar="KEELYARD_PROFILE", default="", help="Whose server and sign-in."
    ),
    click.option("--url", "access_url", envvar="KEELYARD_URL", default="", help="The API's address instead."),
    click.option(
        "--token-file",
        "access_token_file",
        type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
        help="A service token; else KEELYARD_TOKEN.",
    ),
    click.option(
        "--tenant",
        "access_tenant",
        envvar="KEELYARD_TENANT",
        default="",
        help="Slug: stay within this tenant.",
    ),
    click.option(
        "--read-only", "access_read_only", is_flag=True, help="Send nothing that changes something."
    ),
)
