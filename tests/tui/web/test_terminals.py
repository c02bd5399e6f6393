"""Terminals behind tabs: how many, whose, until when, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.contract import harness
from tests.tui.web import serving
from tests.tui.web.front import Browser, Front, fronting, token
from tui import wire
from tui.web import seat
from tui.web.lending import Lender
from tui.web.sign_ins import SignIn


def terminals() -> list[int]:
    """The processes behind tabs of a server in this process."""
    return serving.running("tui.web.child")


async def signed_in(front: Front) -> Browser:
    browser = front.browser()
    assert (await browser.sign_in())[0] == 303
    return browser


def sign_ins(front: Front) -> list[SignIn]:
    return list(front.server.sign_ins._by_cookie.values())


async def test_a_terminal_needs_no_secret_in_its_arguments_or_environment(api: harness.Api):
    async with fronting(api.url) as front:
        browser = await signed_in(front)
        async with browser.terminal() as terminal:
            await terminal.sees("clusters")
            (pid,) = terminals()
            tokens = await sign_ins(front)[0].lender.tokens()
            known = "\0".join(psutil.Process(pid).cmdline())
            known += "\0".join(f"{name}={value}" for name, value in psutil.Process(pid).environ().items())
            for secret in (tokens.access_token, sign_ins(front)[0].csrf_token, harness.PASSWORD):
                assert secret not in known
        await serving.gone([pid])  # the tab has closed


async def test_there_is_room_for_so_many(api: harness.Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tui.web.sign_ins._ROOM_SECONDS", 0.1)
    async with fronting(api.url, seats_per_user=1, seats=1) as front:
        browser, again = await signed_in(front), await signed_in(front)
        async with browser.terminal() as terminal:
            await terminal.sees("clusters")
            async with again.terminal() as refused:
                assert await refused.ended() == (
                    4003,
                    "You have 1 terminals open, and that is the limit. Close one of them.",
                )
            (pid,) = terminals()
            page = await browser.get("/clusters")
            await browser.post("/logout", token=token(page))
            assert await terminal.ended() == (4001, "You have signed out.")
            await serving.gone([pid])
        async with front.server.sign_ins.room("somebody else"), again.terminal() as refused:
            assert (await refused.ended())[0] == 4003


async def test_what_nobody_uses_is_closed_and_signed_out(api: harness.Api):
    async with fronting(api.url, idle_seconds=100) as front:
        now = [time.monotonic()]
        front.server.sign_ins.clock = lambda: now[0]
        browser = await signed_in(front)
        async with browser.terminal() as terminal:
            await terminal.sees("clusters")
            (pid,) = terminals()
            now[0] += 99
            await front.server.sign_ins.reap()
            assert terminals() == [pid]
            await terminal.press("?")
            now[0] += 99
            await front.server.sign_ins.reap()
            assert terminals() == [pid]

            now[0] += 2
            await front.server.sign_ins.reap()
            assert (await terminal.ended())[0] == 4002
            await serving.gone([pid])
        assert sign_ins(front) == []
        assert (await browser.get("/clusters"))[0] == 303
        assert "Your session has ended" in (await browser.get("/login"))[1]


async def test_a_token_that_is_no_longer_good_is_replaced_by_the_server(
    api: harness.Api, monkeypatch: pytest.MonkeyPatch
):
    lent: list[str | None] = []
    real = Lender.tokens

    async def tokens(self: Lender, rejected: str | None = None) -> wire.Tokens:
        lent.append(rejected)
        told = await real(self, rejected)
        if len(lent) == 1:
            told.access_token = "not-good"
        return told

    monkeypatch.setattr(Lender, "tokens", tokens)
    client = await api.admin()
    await client.post("/api/v1/clusters", json=harness.cluster_body())
    async with fronting(api.url) as front:
        browser = await signed_in(front)
        async with browser.terminal() as terminal:
            await terminal.sees("yard-1")
            assert lent[1] == "not-good"

            held = await real(sign_ins(front)[0].lender)
            revoker = api.anonymous(Authorization=f"Bearer {held.access_token}")
            await revoker.post("/api/v1/auth/logout")
            await terminal.press("\x12")  # ctrl+r: ask the API again
            assert await terminal.ended() == (4001, "Your session has ended. Sign in again.")
        assert sign_ins(front) == []


async def test_a_terminal_that_does_not_listen_is_killed(api: harness.Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(seat, "GRACE_SECONDS", 0.2)
    async with fronting(api.url) as front:
        browser = await signed_in(front)
        async with browser.terminal() as terminal:
            await terminal.sees("clusters")
            (pid,) = terminals()
            os.kill(pid, signal.SIGSTOP)
        await serving.gone([pid])


async def test_an_export_is_the_browsers_and_nobody_elses(api: harness.Api):
    client = await api.admin()
    await client.post("/api/v1/clusters", json=harness.cluster_body())
    async with fronting(api.url) as front:
        browser, other = await signed_in(front), await signed_in(front)
        async with browser.terminal() as terminal:
            await terminal.sees("yard-1")
            await terminal.press("E")
            offered = await terminal.told("keelyard_download")

            assert (await other.get(f"/download/{offered['key']}"))[0] == 404
            status, text, headers = await browser.get(f"/download/{offered['key']}")
            assert (status, "yard-1" in text) == (200, True)
            assert headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{offered['name']}"
            assert headers["Cache-Control"] == "no-store"
            assert (await browser.get(f"/download/{offered['key']}"))[0] == 404


async def test_a_wizard_keeps_no_draft_on_the_web_servers_disk(api: harness.Api, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with fronting(api.url) as front:
        browser = await signed_in(front)
        async with browser.terminal("clusters/new") as terminal:
            await terminal.sees("everything is said by hand")
            await terminal.press("shop-us")
            await terminal.sees("shop-us")
            await terminal.press("\x1b")
            await terminal.sees("No clusters yet")
    assert list(tmp_path.rglob("*")) == []


async def test_no_terminal_outlives_the_server(api: harness.Api):
    async with serving.program(api.url) as program, fronting(api.url) as front:
        browser = front.browser(program.url)
        browser.origin = program.url
        await browser.sign_in()
        async with browser.terminal() as terminal:
            await terminal.sees("clusters")
            pids = program.terminals()
            assert len(pids) == 1
            os.kill(pids[0], signal.SIGSTOP)  # hears nothing any more
            await program.end(signal.SIGKILL)
            await serving.gone(pids)
        assert harness.PASSWORD.encode() not in program.log
        assert harness.ADMIN.encode() not in program.log
        await program.start()  # its sign-ins went with it
        assert (await browser.get("/clusters"))[2]["Location"] == "/login?next=clusters"
        assert "the server was restarted" in (await browser.get("/login"))[1]
