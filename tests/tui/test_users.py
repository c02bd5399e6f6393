"""The users' screen."""

from __future__ import annotations

from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import user
from tests.tui.conftest import screen_text, sees, terminal, until

GOOD = "A-good-password-1"


async def open_users(pilot) -> None:
    await sees(pilot, "edge-07")
    await pilot.press("7")
    await sees(pilot, "vera@example.com")


async def typed(pilot, *words: str) -> None:
    """Fills the fields of a form one after the other and sends it."""
    for number, word in enumerate(words):
        if number:
            await pilot.press("tab")
        await pilot.press(*word)
    await pilot.press("ctrl+s")


async def test_users_are_listed_with_role_and_state(api: ProvisionerApi):
    api.users["u2"] = user("u2", "nora@example.com", role=None, enabled=False)
    async with terminal(api) as pilot:
        await open_users(pilot)
        lines = screen_text(pilot).splitlines()
        vera, nora = (next(line for line in lines if name in line) for name in ("vera@", "nora@"))

    assert "viewer" in vera
    assert "enabled" in vera
    assert "none" in nora
    assert "disabled" in nora


async def test_a_user_is_made_and_the_password_is_never_on_the_screen(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_users(pilot)
        await pilot.press("n")
        await sees(pilot, "New user")
        await typed(pilot, "olga@example.com", "Olga", "", GOOD, "different")
        await sees(pilot, "The two passwords differ.")
        assert GOOD not in screen_text(pilot)
        again = pilot.app.screen.query_one("#again")
        again.value = GOOD  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await sees(pilot, "olga@example.com is made.")

    made = next(found for found in api.users.values() if found["email"] == "olga@example.com")
    assert (made["full_name"], made["role"]) == ("Olga", "viewer")
    assert api.bodies[-1]["password"] == GOOD


async def test_a_refusal_stays_on_the_form(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_users(pilot)
        await pilot.press("n")
        await sees(pilot, "New user")
        await typed(pilot, "vera@example.com", "", "", GOOD, GOOD)
        await sees(pilot, "There is an account vera@example.com already.")


async def test_role_and_password_are_changed(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_users(pilot)
        await pilot.press("r")
        await sees(pilot, "Role of vera@example.com")
        await pilot.press(*["backspace"] * 6)
        await typed(pilot, "operator")
        await sees(pilot, "has the role")
        await pilot.press("p")
        await sees(pilot, "Password of vera@example.com")
        await typed(pilot, GOOD, GOOD)
        await sees(pilot, "has a new password")

    assert api.users["u1"]["role"] == "operator"
    assert api.bodies[-1] == {"password": GOOD}


async def test_a_user_is_disabled_after_a_question_and_enabled_without(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_users(pilot)
        await pilot.press("o")
        await sees(pilot, "Disable vera@example.com?")
        await pilot.press("y")
        await sees(pilot, "vera@example.com is disabled.")
        await until(
            pilot, lambda: "✗ disabled" in screen_text(pilot) or "disabled" in screen_text(pilot), "it"
        )
        await pilot.press("o")
        await sees(pilot, "vera@example.com is enabled.")


async def test_a_user_is_deleted_once_the_address_is_typed(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_users(pilot)
        await pilot.press("ctrl+d")
        await sees(pilot, "Delete vera@example.com")
        await pilot.press(*"vera@example.com", "enter")
        await sees(pilot, "vera@example.com is deleted.")

    assert api.users == {}
