"""The process behind one tab: `python -m tui.web.child --line FD --open PATH`, started by the web server."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys

import click

from tui.client import Client

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def hide_memory() -> None:
    """Keeps other processes of the same user from reading this one's memory, and so its tokens."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def bind_to(parent: int) -> None:
    """Ends this process with the web server, however that ends, and keeps others from reading its memory."""
    if not sys.platform.startswith("linux"):
        return
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:  # it went before the signal was arranged for
        raise SystemExit(0)


@click.command()
@click.option("--line", type=int, required=True)
@click.option("--parent", type=int, required=True)
@click.option("--open", "start", required=True)
def main(line: int, parent: int, start: str) -> None:
    """One terminal, signed in already, for somebody elsewhere."""
    bind_to(parent)
    from tui.app import Terminal
    from tui.web import fence, lending, log

    log.configure()
    client = lending.Borrower(lending.Line(socket.socket(fileno=line)))
    fence.put_up()
    terminal = Terminal(client, start=start, connect=_elsewhere)
    terminal.run()
    raise SystemExit(terminal.return_code or 0)


def _elsewhere(profile: str) -> Client:
    raise ValueError("In the browser there is one server: profiles are for terminals of your own.")


if __name__ == "__main__":
    main()
