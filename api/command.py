"""`keelyard api`: serves the REST API."""

from __future__ import annotations

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
def api(host: str, port: int) -> None:
    """Serve the REST API.

    The database is DATABASE_URL, or the embedded PostgreSQL that `keelyard up` runs on this machine.
    """
    from granian.constants import Interfaces
    from granian.server.embed import Server

    from api import app, logs
    from engine.services import settings

    logs.configure()
    application = app.create_app(settings.load(bind=host))
    _serve(Server(application, address=host, port=port, interface=Interfaces.ASGI, log_access=False))
