"""`keelyard tui`: the operator's terminal."""

from __future__ import annotations

import gc
import logging
import os
from pathlib import Path
from typing import Any

import click

from tui.web import command as browser


@click.command(epilog="Keys: ? lists them, : goes anywhere, q leaves. See docs/terminal.md.")
@click.option(
    "--profile",
    "name",
    envvar="KEELYARD_PROFILE",
    default="",
    metavar="NAME",
    help="One of the profiles in the configuration file; the one used last when left out.",
)
@click.option(
    "--url",
    envvar="KEELYARD_URL",
    default="",
    help="The API's address instead of the profile's.  [http://127.0.0.1:8000 without any profile]",
)
@click.option(
    "--email", envvar="KEELYARD_EMAIL", default="", help="Who signs in; the profile's when left out."
)
@click.option("--read-only", is_flag=True, help="Refuse every key that would change something.")
@click.option(
    "--open",
    "start",
    default="dashboard",
    metavar="PATH",
    help="Where to begin, as in clusters, jobs/ID or clusters/new.",
)
@click.option(
    "--log",
    "log_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Keep details of errors in this file.",
)
@browser.options
def tui(
    name: str,
    url: str,
    email: str,
    read_only: bool,
    start: str,
    log_file: Path | None,
    *,
    web: bool,
    **served: Any,
) -> None:
    """Clusters and jobs in the terminal, live.

    The password is asked for on the screen, or taken from KEELYARD_PASSWORD. A sign-in can be kept: in the
    system's keyring, or in a file that only you can read. Profiles, theme and keys are in
    ~/.config/keelyard/config.yaml, or where KEELYARD_CONFIG says.

    With --web the same terminal is served to browsers, which sign in on a page of their own; --email, --open
    and --log are not for that.
    """
    from tui import connecting, errors, profiles
    from tui.app import Terminal  # Textual takes most of the start; --help does without
    from tui.log_file import handler as log_file_handler
    from tui.nouns import opened

    try:
        handler = log_file_handler(log_file) if log_file else logging.NullHandler()
    except OSError as unwritable:
        raise click.BadParameter(f"{log_file}: {unwritable.strerror}", param_hint="--log") from unwritable
    logging.getLogger("keelyard.tui").addHandler(handler)
    try:
        if web and url and not name:  # a server of browsers is nobody's seat: no file of anybody's is read
            browser.serve(url, read_only=read_only, **served)
            return
        profile = profiles.chosen(name, url, email, read_only=read_only)
        if web:
            browser.serve(profile.url, read_only=profile.read_only, **served)
            return
        client = connecting.client_of(profile)
    except errors.ConfigUnreadable as unreadable:
        raise click.ClickException(str(unreadable)) from unreadable
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--url" if url else "--profile") from wrong
    if opened(start) is None:
        raise click.BadParameter(f"{start!r} names nothing that can be opened.", param_hint="--open")
    password = os.environ.pop("KEELYARD_PASSWORD", "")
    terminal = Terminal(client, email=email, password=password, start=start)
    gc.freeze()  # modules stay for good: walking them all in a full collection would hold up a key for 0.15 s
    terminal.run()
    raise SystemExit(terminal.return_code or 0)
