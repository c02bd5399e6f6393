"""The terminal in a real Chromium, against the real API, until one of the two is killed."""

from __future__ import annotations

import os
import signal
from urllib.parse import urlsplit

from tests.contract import harness
from tests.tui.web import browser, serving
from tests.tui.web.browser import Tab


async def test_an_operator_works_in_the_browser(api: harness.Api):
    client = await api.admin()
    await client.post("/api/v1/clusters", json=harness.cluster_body())
    async with serving.program(api.url) as program, browser.chromium() as chromium:
        tab = await Tab.of(chromium)
        await tab.page.goto(f"{program.url}/clusters")
        await tab.sign_in(harness.ADMIN, harness.PASSWORD)
        await tab.sees("yard-1")
        assert tab.page.url == f"{program.url}/clusters"
        await tab.press("Enter")
        await tab.sees("1 control-plane, 1 worker")

        async with tab.page.expect_download() as saving:
            await tab.press("E")
        saved = await (await saving.value).path()
        assert "yard-1" in saved.read_text() or "control-01" in saved.read_text()
        await tab.page.mouse.click(200, 300)  # the export left the terminal where it was
        await tab.press("Escape")
        await tab.sees("clusters 1")

        await tab.page.goto(f"{program.url}/jobs")
        await tab.sees("provision")
        await tab.page.go_back()
        await tab.sees("yard-1")

        await _a_restart_is_told(tab, program)
        foreign = {urlsplit(url).netloc for url in tab.requests} - {urlsplit(program.url).netloc, ""}
        assert foreign == set()
        refused = [said for said in tab.complaints if "Content Security Policy" in said]
        assert refused == []

        (pid,) = program.terminals()
        for number in serving.running("chromium"):
            os.kill(number, signal.SIGKILL)
        await serving.gone([pid])


async def _a_restart_is_told(tab: Tab, program: serving.Program) -> None:
    (pid,) = program.terminals()
    await program.end(signal.SIGKILL)
    await tab.says("Trying again")
    await serving.gone([pid])
    await program.start()
    await tab.page.locator("text=the server was restarted").wait_for()
    await tab.sign_in(harness.ADMIN, harness.PASSWORD)
    await tab.sees("yard-1")
    await tab.press("q")
    await tab.says("You left the terminal.")
    await tab.page.click("#again")
    await tab.sees("yard-1")
