"""Signing in: several profiles, kept sign-ins, refusals and waits in plain words, secrets kept."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from textual.pilot import Pilot
from textual.widgets import Checkbox, Input, Select

from engine.domain.statuses import Role
from tests.contract import harness
from tests.standins.provisioner_api import PASSWORD, ProvisionerApi, problem
from tests.standins.provisioner_bodies import EMAIL
from tests.tui.conftest import screen_text, sees, terminal, until
from tui import connecting, messages, profiles
from tui.app import Terminal
from tui.client import Client
from tui.profiles import Profile, Profiles
from tui.screens.login import LoginScreen
from tui.token_store import TokenStore

VERA = "vera@example.local"
CANARY = "Canary-horse-battery-1"


@asynccontextmanager
async def started(**options: str) -> AsyncIterator[Pilot[None]]:
    """The terminal as `keelyard tui` starts it."""
    client = connecting.client_of(profiles.chosen(**options))
    app = Terminal(client, email=options.get("email", ""))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        yield pilot


@asynccontextmanager
async def answering(*answers: httpx.Response) -> AsyncIterator[Pilot[None]]:
    """The terminal before a server that gives these answers, the last one for ever."""
    left = list(answers)
    transport = httpx.MockTransport(lambda _: left.pop(0) if len(left) > 1 else left[0])
    app = Terminal(Client("http://127.0.0.1:8000", transport=transport), email=EMAIL, password="x")
    async with app.run_test(size=(80, 24)) as pilot:
        yield pilot


async def sign_in(pilot: Pilot[None]) -> None:
    pilot.app.screen.query_one("#password", Input).value = harness.PASSWORD
    await pilot.press("enter")


async def test_profiles_are_switched_and_one_stays_signed_in_in_each(server: harness.Api):
    await server.account(Role.VIEWER, VERA)
    known = Profiles.load()
    known.save(Profile("audit", server.url, VERA, read_only=True))
    known.save(Profile("prod", server.url, harness.ADMIN))

    async with started() as pilot:
        await sees(pilot, "keelyard  prod · ")
        await sign_in(pilot)
        await sees(pilot, "· admin")
        pilot.app.post_message(messages.Go("profiles"))
        await sees(pilot, "● here")
        await pilot.press("up", "up", "enter")
        await sees(pilot, "keelyard  audit · ")
        assert pilot.app.screen.query_one("#email", Input).value == VERA
        await sign_in(pilot)
        await sees(pilot, "audit · ▲ read-only · ")
        await sees(pilot, "● live")
        pilot.app.post_message(messages.SwitchProfile("prod"))
        await sees(pilot, "prod · ")
        await sees(pilot, "● live")
        assert "read-only" not in screen_text(pilot)
        await pilot.press("q")

    async with started(name="audit") as pilot:  # the next run
        await sees(pilot, "audit · ▲ read-only · ")
        await pilot.press("colon")
        await until(pilot, lambda: pilot.app.focused is not None and pilot.app.screen.is_modal, "the line")
        await pilot.press(*"logout", "enter")
        await sees(pilot, "▲ Signed out.")
        assert TokenStore.for_profile("audit").load() is None
        assert TokenStore.for_profile("prod").load() is not None
        pilot.app.screen.query_one("#profile", Select).value = "prod"
        await sees(pilot, "keelyard  prod · ")
        await sees(pilot, "· admin")


async def test_a_sign_in_that_shall_not_be_kept_is_revoked_at_the_end(server: harness.Api):
    async with started(url=server.url, email=harness.ADMIN) as pilot:
        assert not pilot.app.screen.query_one("#keep", Checkbox).value  # an address given for once
        await sign_in(pilot)
        await sees(pilot, "● live")
        held = pilot.app.client._tokens  # type: ignore[attr-defined]
        await pilot.press("q")

    answer = await server.anonymous(Authorization=f"Bearer {held.access_token}").get("/api/v1/auth/me")
    assert answer.status_code == 401
    assert not profiles.config_path().exists()


async def test_a_server_that_is_away_is_tried_again_with_the_kept_sign_in(api: ProvisionerApi):
    store = TokenStore.for_profile("prod")
    store.save("refresh-0")
    api.down = True
    client = Client("http://127.0.0.1:8000", token_store=store, transport=api.transport)
    async with Terminal(client).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "Is the server running?")
        await sees(pilot, "Trying again in 2s")
        api.down = False
        await sees(pilot, "edge-07")


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "Too many requests"), (503, "Keycloak does not answer")],
)
async def test_a_wait_that_the_server_asks_for_is_counted_down(status: int, words: str):
    refusal = problem(status, f"{words}.")
    refusal.headers["Retry-After"] = "30"
    async with answering(refusal) as pilot:
        await sees(pilot, f"✗ {words}")
        await sees(pilot, "Try again in ")
        assert isinstance(pilot.app.screen, LoginScreen)


async def test_after_several_refusals_it_is_said_that_accounts_pause(api: ProvisionerApi):
    async with terminal(api, password="wrong") as pilot:
        await sees(pilot, "Incorrect email or password.")
        assert "pause" not in screen_text(pilot)
        for tries in (2, 3):
            await pilot.press("n", "o", "enter")
            await until(pilot, lambda tries=tries: logins(api) == tries, "another try")
        await sees(pilot, "Several failed attempts make an account pause")
        await pilot.press(*PASSWORD, "enter")
        await sees(pilot, "edge-07")


def logins(api: ProvisionerApi) -> int:
    return api.count("POST", "/auth/login")


async def test_a_forgotten_password_is_asked_for_and_changed():
    asked = httpx.Response(200, json={"success": True, "data": {"message": "sent"}})
    bad = httpx.Response(401, json={"error": {"code": "Unauthorized", "message": "The token is used."}})
    async with answering(problem(401, "No."), asked, bad, asked) as pilot:
        await sees(pilot, "✗ No.")
        await pilot.click("#forgot")
        await sees(pilot, "1  enter sends a mail")
        await pilot.press("enter")
        await sees(pilot, "● If there is such an account")
        await pilot.press(*"token", "enter", *"New-1", "enter", *"New-2", "enter")
        await sees(pilot, "✗ The two passwords differ.")
        await pilot.press("backspace", "1", "enter")
        await sees(pilot, "✗ The token is used.")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LoginScreen), "the form again")


async def test_a_server_without_mail_says_so_calmly(server: harness.Api):
    async with started(url=server.url, email=harness.ADMIN) as pilot:
        await sees(pilot, "Forgot password")
        await pilot.click("#forgot")
        await pilot.press("enter")
        await sees(pilot, "This server cannot send mail for a new password.")


async def test_password_and_tokens_are_in_no_file_and_no_argument(server: harness.Api, tmp_path: Path):
    await server.users.create(
        harness.NewUser(email=VERA, password=CANARY, roles=frozenset({Role.ADMIN})), harness.Caller()
    )
    Profiles.load().save(Profile("prod", server.url, VERA))
    log = tmp_path / "tui.log"
    command = [sys.executable, "-m", "engine.processes", "tui", "--log", str(log)]
    terminal_end, child_end = pty.openpty()
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=child_end,
        stdout=child_end,
        stderr=child_end,
        env=os.environ | {"KEELYARD_PASSWORD": CANARY, "TERM": "xterm-256color"},
    )
    os.close(child_end)
    asyncio.get_running_loop().add_reader(terminal_end, os.read, terminal_end, 65536)
    try:
        store = TokenStore.for_profile("prod")
        async with asyncio.timeout(120):
            while (kept := store.load()) is None:  # noqa: ASYNC110  a file that another process writes
                await asyncio.sleep(0.05)
        await server.stop()  # what goes wrong is told, too
        arguments = Path(f"/proc/{child.pid}/cmdline").read_text()
    finally:
        asyncio.get_running_loop().remove_reader(terminal_end)
        child.kill()
        await child.wait()
        os.close(terminal_end)

    config = profiles.config_path().read_text()
    [sign_in] = Path(os.environ["XDG_STATE_HOME"]).rglob("prod.json")
    for told in (arguments, log.read_text(), config):
        assert CANARY not in told
        assert kept not in told
        assert "eyJ" not in told  # as every access token begins
    assert CANARY not in sign_in.read_text()
    assert "eyJ" not in sign_in.read_text()
