"""`keelyard api`: serves the REST API."""

from __future__ import annotations

import asyncio
import os
import signal

import click
import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar

from api import app, logs, state
from engine.services import settings

GRACE_SECONDS = 10.0  # for connections to end; one whose client does not read never does
_LOG = structlog.get_logger(__name__)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on."
)
def api(host: str, port: int) -> None:
    """Serve the REST API on the database that DATABASE_URL names; `keelyard up` brings one along."""
    logs.configure()
    asyncio.run(_serve(app.create_app(settings.load(bind=host)), host, port))


async def _serve(application: Litestar, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; open event streams end first, so that nothing is waited for."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with application.lifespan():
        server = Server(
            application, address=host, port=port, interface=Interfaces.ASGINL, log_enabled=False, backlog=1024
        )
        serving = asyncio.create_task(server.serve())
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await state.of(application).live.stop()
        if not serving.done():
            server.stop()  # type: ignore[no-untyped-call]  # the library is not typed
        stopped.cancel()
        _, waiting = await asyncio.wait({serving}, timeout=GRACE_SECONDS)
    if waiting:
        _LOG.warning("A client does not let go of its connection; ending without it.")
        os._exit(0)
