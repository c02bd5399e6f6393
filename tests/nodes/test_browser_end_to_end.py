"""The terminal in a real browser, against a whole Keelyard: from nothing to a running cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine import lab
from tests.nodes.server import EMAIL, Server
from tests.nodes.wizard_keys import Action, Gone, Paste, Press, Sees, through
from tests.tui.web import browser, serving
from tests.tui.web.browser import Tab

pytestmark = pytest.mark.nodes

NAME = f"web{os.getpid() % 10000}"
RUN_SECONDS = 1200  # for a cluster to run, on a slow machine
KEYS = {"enter": "Enter", "tab": "Tab", "escape": "Escape", "space": " ", "down": "ArrowDown"}


@pytest.fixture(scope="module")
def yard() -> Iterator[lab.Lab]:
    try:
        yield lab.up(NAME, nodes=1)
    finally:
        lab.down(NAME)


async def carry_out(tab: Tab, actions: list[Action]) -> None:
    for action in actions:
        match action:
            case Press(key):
                await tab.press(f"Control+{key[5:]}" if key.startswith("ctrl+") else KEYS.get(key, key))
            case Paste(text):
                await tab.paste(text)
            case Sees(words):
                await tab.sees(words)
            case Gone(words):
                await tab.sees(words, there=False)


async def test_a_cluster_is_made_by_hand_in_a_browser_and_watched_until_it_runs(
    server: Server, yard: lab.Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = Path(yard.private_key).read_text()
    canary = "".join(key.splitlines()[1:-1])[60:110]
    nodes = f"{yard.nodes[0].address} {yard.nodes[0].name} control-plane {yard.system}"
    async with serving.program(server.url) as program, browser.chromium() as chromium:
        tab = await Tab.of(chromium)
        await tab.page.goto(f"{program.url}/clusters")
        await tab.sign_in(EMAIL, server.password)
        await tab.sees("No clusters yet")
        await tab.sees("● live")

        await carry_out(tab, through(NAME, nodes, 1, key=key))
        await tab.sees("● success", seconds=RUN_SECONDS)
        await tab.page.goto(f"{program.url}/clusters")
        await tab.sees(NAME)
        await tab.sees("● running")

        assert {urlsplit(url).netloc for url in tab.requests} - {urlsplit(program.url).netloc, ""} == set()
    with server.client() as client:
        assert client.call("GET", f"/api/v1/clusters/{NAME}")["status"] == "running"
    assert canary.encode() not in program.log
    assert server.password.encode() not in program.log
    assert list(tmp_path.rglob("*")) == []
