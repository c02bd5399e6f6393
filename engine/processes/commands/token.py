"""`keelyard token`: what automation authenticates with, made and ended through the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import click
import msgspec

from engine.processes import composition
from engine.services import state
from engine.services.identity import Caller
from engine.services.service_tokens import NewToken, ServiceToken, ServiceTokens

_CALLER = Caller(address="command line", user_agent="keelyard token")


@click.group()
def token() -> None:
    """Make, list and revoke service tokens."""


@token.command()
@click.argument("name")
@click.option(
    "--permission", "-p", "chosen", multiple=True, required=True, help="Such as cluster:read; repeatable."
)
@click.option("--days", type=int, default=90, show_default=True, help="Until it expires.")
@click.option("--tenant", help="Slug of the only tenant it may touch; default: any.")
def create(name: str, chosen: tuple[str, ...], days: int, tenant: str | None) -> None:
    """Make a token and print it, once, on standard output."""
    wanted = NewToken(name=name, permissions=list(chosen), expires_in_days=days, tenant=tenant)
    made, text = _run(lambda: ServiceTokens().create(wanted, _CALLER))
    click.echo(f"Service token {made.name} made; it expires {made.expires_at:%Y-%m-%d}.", err=True)
    click.echo(text)


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_tokens(as_json: bool) -> None:
    """Show the tokens that are not revoked."""
    found = _run(_every)
    if as_json:
        rows = [
            {name: value for name, value in msgspec.structs.asdict(each).items() if name != "token_hash"}
            for each in found
        ]
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    for each in found:
        used = f"{each.last_used_at:%Y-%m-%d %H:%M}Z" if each.last_used_at else "never"
        click.echo(
            f"{each.name}  expires {each.expires_at:%Y-%m-%d}  used {used}  {', '.join(each.permissions)}"
        )


@token.command()
@click.argument("name")
def revoke(name: str) -> None:
    """End a token, by name or id."""
    ended = _run(lambda: ServiceTokens().revoke(name, _CALLER))
    click.echo(f"Service token {ended.name} revoked.", err=True)


async def _every() -> list[ServiceToken]:
    found: list[ServiceToken] = []
    number, total = 1, 1
    while len(found) < total:
        page, total = await ServiceTokens().page(page=number, page_size=100)
        if not page:
            break
        found += page
        number += 1
    return found


def _run[T](work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of the work, with the database open around it."""

    async def connected() -> T:
        await state.open_database(url)
        try:
            return await work()
        finally:
            await state.close_database()

    url = composition.configured_database_url()
    return asyncio.run(connected())
