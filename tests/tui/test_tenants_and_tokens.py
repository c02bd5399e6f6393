"""Tenants, their members and service tokens in the terminal, against the real API."""

from __future__ import annotations

import httpx
from textual.widgets import Input, Static

from engine.domain.statuses import Role
from tests.contract import harness
from tests.tui.conftest import screen_text, sees, until
from tests.tui.test_against_the_api import signed_in
from tui.app import Terminal
from tui.client import Client


def fill(pilot, **values: str) -> None:
    for member, value in values.items():
        pilot.app.screen.query_one(f"#{member}", Input).value = value


async def test_a_tenant_is_made_renamed_given_members_and_deleted_when_empty(server: harness.Api):
    await server.account(Role.OPERATOR, "ada@example.local")
    async with signed_in(server) as pilot:
        await sees(pilot, "clusters 0")
        await pilot.press("9")
        await sees(pilot, "tenants 1")
        await pilot.press("n")
        await sees(pilot, "New tenant")
        fill(pilot, name="Acme", slug="No Slug!", email="c@acme.example")
        await pilot.press("escape")
        await sees(pilot, "Leave without saving?")
        await pilot.press("n", "ctrl+s")
        await sees(pilot, "nothing was saved")
        fill(pilot, slug="acme")
        await pilot.press("ctrl+s")
        await sees(pilot, "tenants 2")
        await pilot.press("up", "e")
        await sees(pilot, "Tenant Acme")
        fill(pilot, name="Acme Corporation", company="Acme Ltd")
        await pilot.press("ctrl+s")
        await sees(pilot, "Acme Corporation")

        await pilot.press("enter")
        await sees(pilot, "Nobody is listed here.")
        await pilot.press("n")
        await sees(pilot, "New member of Acme Corporation")
        await pilot.press(*"nobody@x.io", "ctrl+s")
        await sees(pilot, "✗")
        fill(pilot, email="ada@example.local")
        await pilot.press("ctrl+s")
        await sees(pilot, "members 1")
        await pilot.press("escape")
        await sees(pilot, "tenants 2")
        await pilot.press("ctrl+d")
        await sees(pilot, "Delete tenant Acme")
        await pilot.press(*"acme", "enter")
        await sees(pilot, "not done")  # somebody is left in it
        await pilot.press("enter")
        await sees(pilot, "members 1")
        await pilot.press("ctrl+d")
        await sees(pilot, "Remove ada@example.local?")
        await pilot.press("y")
        await sees(pilot, "Nobody is listed here.")
        await pilot.press("escape")
        await sees(pilot, "tenants 2")
        await pilot.press("ctrl+d")
        await sees(pilot, "Delete tenant Acme")
        await pilot.press(*"acme", "enter")
        await sees(pilot, "tenants 1")


async def test_a_token_is_shown_once_works_and_is_revoked(server: harness.Api):
    async with signed_in(server) as pilot:
        await sees(pilot, "clusters 0")
        pilot.app.action_go("tokens")  # type: ignore[attr-defined]
        await sees(pilot, "No service tokens.")
        await pilot.press("n")
        await sees(pilot, "New service token")
        fill(pilot, name="ci", permissions="cluster:read, cluster:fly", expires_in_days="soon")
        await pilot.press("ctrl+s")
        await sees(pilot, "is a whole number, or empty")
        fill(pilot, expires_in_days="7")
        await pilot.press("ctrl+s")
        await sees(pilot, "nothing was saved")
        fill(pilot, permissions="cluster:read")
        await pilot.press("ctrl+s")
        await sees(pilot, "Secret of ci. It is not shown again.")
        token = str(pilot.app.screen.query_one("#secret", Static).content)
        await pilot.press("escape")
        await sees(pilot, "service tokens 1")
        async with httpx.AsyncClient(
            base_url=server.url, headers={"Authorization": f"Bearer {token}"}
        ) as client:
            assert (await client.get("/api/v1/clusters")).status_code == 200
            await pilot.press("enter")
            await sees(pilot, "service-token ci")
            assert token not in screen_text(pilot)
            await pilot.press("escape")
            await sees(pilot, "service tokens 1")
            await pilot.press("ctrl+d")
            await sees(pilot, "Revoke service token ci")
            await pilot.press(*"ci", "enter")
            await sees(pilot, "No service tokens.")


async def test_a_viewer_is_offered_nothing_that_changes(server: harness.Api):
    admin = await server.admin()
    await admin.post("/api/v1/clusters", json=harness.cluster_body())
    await server.account(Role.VIEWER, "vera@example.local")
    app = Terminal(
        Client(server.url), email="vera@example.local", password=harness.PASSWORD, start="clusters"
    )
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await sees(pilot, "yard-1")
        assert "Provision" not in screen_text(pilot)
        await pilot.press("p", "ctrl+d")
        await pilot.press("enter")
        await sees(pilot, "LAST JOBS")
        assert "k Config" not in screen_text(pilot)
        await pilot.press("8")
        await sees(pilot, "No templates yet.")
        await until(pilot, lambda: "New" not in screen_text(pilot), "no key for a new one")
        jobs = (await admin.get("/api/v1/jobs")).json()
        assert jobs["total"] == 1
