"""The terminal as it is shipped, in tmux: lent to an editor and given back, and silent about secrets."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command_line import installation
from tests.contract import harness
from tests.standins import processes, tmux
from tests.standins.tmux import Tmux
from tests.tui.test_against_the_api import create

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")

# Says what it was given, and holds the terminal until somebody answers.
EDITOR = """#!/bin/sh
stat -c %a "$2" > {directory}/mode
cp "$2" {directory}/read
printf 'EDITING %s with %s\\n' "$(basename "$2")" "$1"
read answer
echo "$answer" > {directory}/answer
exit {code}
"""


class Seat:
    """Drives it from a thread, so that the server of this process can answer."""

    def __init__(self, running: Tmux) -> None:
        self._running = running

    async def __call__(self, call: Callable[[Tmux], object]) -> None:
        await asyncio.to_thread(call, self._running)

    async def sees(self, *words: str) -> None:
        for each in words:
            await self(lambda running, each=each: running.until(each))  # type: ignore[misc]

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self(lambda running, key=key: running.press(key))  # type: ignore[misc]


@pytest.fixture
def editor(tmp_path: Path) -> Path:
    """What $EDITOR names."""
    path = tmp_path / "my editor"
    path.write_text(EDITOR.format(directory=tmp_path, code=0))
    path.chmod(0o755)
    return path


@pytest.fixture
def running(server: harness.Api, tmp_path: Path, editor: Path) -> Iterator[Seat]:
    """`keelyard tui` at the form that asks who is there."""
    lent = tmp_path / "lent"
    lent.mkdir()
    started = tmux.keelyard(
        tmp_path,
        *("--url", server.url, "--email", harness.ADMIN, "--log", str(tmp_path / "tui.log")),
        EDITOR=f"'{editor}' --wait",
        VISUAL="",
        PYTHONPATH=str(installation.ROOT),
        TMPDIR=str(lent),
    )
    try:
        yield Seat(started)
    finally:
        started.end()


async def test_a_thing_is_read_in_the_editor_and_the_terminal_comes_back(
    server: harness.Api, running: Seat, tmp_path: Path, editor: Path
):
    await create(server)
    with processes.watched() as seen:
        await running.sees("assword")
        await running(lambda terminal: terminal.paste(harness.PASSWORD))
        await running.press("enter")
        await running.sees("● live")
        await running.press("1")
        await running.sees("○ pending", "yard-1")
        await running.press("ctrl+e")
        await running.sees("EDITING cluster-yard-1.yaml with --wait")
        assert (tmp_path / "mode").read_text() == "400\n"
        assert "name: yard-1" in (tmp_path / "read").read_text()

        await running(
            lambda terminal: terminal.paste("q")
        )  # the editor's, not the terminal's: that would leave
        await running.press("enter")
        await running.sees("● live", "yard-1", ": Command")
        assert (tmp_path / "answer").read_text() == "q\n"
        await running(lambda terminal: terminal.until("EDITING", there=False))
        await (await server.admin()).post(
            "/api/v1/clusters", json=harness.cluster_body("yard-2", network="192.0.3")
        )
        await running.sees("yard-2")  # it goes on telling

        editor.write_text(EDITOR.format(directory=tmp_path, code=7))
        await running.press("ctrl+e")
        await running.sees("EDITING")
        await running.press("enter")
        await running.sees("ended with 7.", "yard-1")

    assert seen.with_any(["EDITING", "my editor"])  # the list was read while the terminal ran
    assert seen.with_any([harness.PASSWORD, "eyJ"]) == []  # as every access token begins
    assert list((tmp_path / "lent").iterdir()) == []
