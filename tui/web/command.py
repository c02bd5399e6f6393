"""`keelyard tui --web`: its options, and running it until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import click

PORT = 3001
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

_OPTIONS = (
    click.option("--web", is_flag=True, help="Serve the terminal to browsers instead of showing it here."),
    click.option("--host", default="127.0.0.1", show_default=True, help="With --web: where it listens."),
    click.option(
        "--port",
        type=click.IntRange(1, 65535),
        default=PORT,
        show_default=True,
        help="With --web: where it listens.",
    ),
    click.option(
        "--public-url",
        envvar="KEELYARD_TERMINAL_URL",
        help="With --web: the address people type when a proxy is in front, such as https://yard.example/tui/.",
    ),
    click.option(
        "--sessions-per-user",
        type=click.IntRange(1),
        default=3,
        show_default=True,
        help="With --web: terminals of one user at once.",
    ),
    click.option(
        "--sessions",
        type=click.IntRange(1),
        default=32,
        show_default=True,
        help="With --web: terminals at once.",
    ),
    click.option(
        "--idle-minutes",
        type=click.FloatRange(0, min_open=True),
        default=30,
        show_default=True,
        help="With --web: what nobody has used for so long is closed and signed out.",
    ),
    click.option(
        "--trusted-proxies",
        envvar="TRUSTED_PROXY_CIDRS",
        default="",
        metavar="CIDR,...",
        help="With --web: whose X-Forwarded-For is believed.",
    ),
)


def options[F: Callable[..., Any]](command: F) -> F:
    """Adds the options of `--web` to a command, which gets them as `web` and keywords of `serve`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def serve(
    url: str,
    *,
    read_only: bool,
    host: str,
    port: int,
    public_url: str | None,
    sessions_per_user: int,
    sessions: int,
    idle_minutes: float,
    trusted_proxies: str,
) -> None:
    """Serves terminals of the API at `url` until SIGTERM or SIGINT.

    Raises click.BadParameter; ValueError for a URL that is not an API's.
    """
    from tui.session import Session
    from tui.web.settings import Address, WebSettings, networks

    if public_url is None and host not in LOOPBACK_HOSTS:
        raise click.BadParameter(
            f"is needed with --host {host}: browsers elsewhere have to name the address they came by.",
            param_hint="--public-url",
        )
    try:
        address = Address.of(public_url or f"http://localhost:{port}")
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--public-url") from wrong
    try:
        proxies = networks(trusted_proxies)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--trusted-proxies") from wrong
    settings = WebSettings(
        address=address,
        api_url=Session(url).url,
        read_only=read_only,
        host=host,
        port=port,
        seats_per_user=sessions_per_user,
        seats=sessions,
        idle_seconds=idle_minutes * 60,
        trusted_proxies=proxies,
    )
    asyncio.run(_serve(settings, public_url or f"http://localhost:{port}"))


async def _serve(settings: Any, public_url: str) -> None:
    import logging

    from aiohttp import web

    from tui.web import child, log
    from tui.web.server import TerminalServer

    log.configure()
    child.hide_memory()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    runner = web.AppRunner(
        TerminalServer(settings).application(), handle_signals=False, access_log=None, shutdown_timeout=5.0
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as taken:
        await runner.cleanup()
        raise click.ClickException(
            f"Cannot listen on {settings.host}:{settings.port}: {taken.strerror}."
        ) from taken
    logging.getLogger("keelyard.tui.web").info(
        "serving terminals", extra={"address": public_url, "api": settings.api_url}
    )
    try:
        await stopping.wait()
    finally:
        await runner.cleanup()
