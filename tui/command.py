"""`keelyard tui`: the operator's terminal."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click


@click.command()
@click.option(
    "--url",
    envvar="KEELYARD_URL",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="The API's address.",
)
@click.option("--email", envvar="KEELYARD_EMAIL", default="", help="Who signs in; asked for when left out.")
@click.option(
    "--open",
    "start",
    default="clusters",
    metavar="PATH",
    help="Where to begin, as in clusters, jobs/ID or clusters/new.",
)
@click.option(
    "--log",
    "log_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Keep details of errors in this file.",
)
def tui(url: str, email: str, start: str, log_file: Path | None) -> None:
    """Clusters and jobs in the terminal, live.

    The password is asked for on the screen, or taken from KEELYARD_PASSWORD.
    """
    from tui.app import Terminal  # Textual takes most of the start; --help does without
    from tui.client import Client
    from tui.nouns import opened

    handler = logging.FileHandler(log_file, encoding="utf-8") if log_file else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger("keelyard.tui").addHandler(handler)
    try:
        client = Client(url)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--url") from wrong
    if opened(start) is None:
        raise click.BadParameter(f"{start!r} names nothing that can be opened.", param_hint="--open")
    password = os.environ.pop("KEELYARD_PASSWORD", "")
    terminal = Terminal(client, email=email, password=password, start=start)
    terminal.run()
    raise SystemExit(terminal.return_code or 0)
