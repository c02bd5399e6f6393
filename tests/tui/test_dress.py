"""Themes, no colours at all, and keys that were moved."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.filter import Monochrome

from tests.standins.provisioner_api import ProvisionerApi
from tests.tui.conftest import screen_text, sees, terminal, until
from tests.tui.test_subjects import told
from tui import bindings, nouns, text
from tui.app import Terminal
from tui.profiles import Profiles
from tui.themes import STATUS_COLOURS, THEMES


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.yaml"
    monkeypatch.setenv("KEELYARD_CONFIG", str(path))
    return path


async def test_t_goes_through_the_themes_and_a_theme_is_chosen_by_name(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        seen = [pilot.app.theme]
        for _ in THEMES:
            await pilot.press("t")
            seen.append(pilot.app.theme)
        assert set(seen) == set(THEMES)
        assert seen[0] == seen[-1]

        await pilot.press("colon", *"theme colour-blind", "enter")
        await until(pilot, lambda: pilot.app.theme == "colour-blind", "the theme")
        assert pilot.app.ansi_theme == STATUS_COLOURS["colour-blind"]
        await pilot.press("colon", *"theme mauve", "enter")
        await until(pilot, lambda: "There is no theme 'mauve'" in told(pilot), "the line")


async def test_a_chosen_theme_is_remembered_and_worn_again(api: ProvisionerApi, file: Path):
    async with terminal(api, profile="yard") as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("colon", *"theme light", "enter")
        await until(pilot, lambda: pilot.app.theme == "light", "the theme")

    assert Profiles.load().theme == "light"
    async with terminal(api, profile="yard") as pilot:
        await until(pilot, lambda: pilot.app.theme == "light", "the theme again")


async def test_without_colour_every_status_still_differs(
    api: ProvisionerApi, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NO_COLOR", "1")
    async with terminal(api) as pilot:
        await sees(pilot, "● running")
        assert pilot.app.no_color
        assert any(isinstance(each, Monochrome) for each in pilot.app._filters)

    words = list(text._SIGNS)
    assert len({text.status(word).plain for word in words}) == len(words)
    good = {text.status(word).plain[0] for word in ("running", "ready", "success", "ok")}
    bad = {text.status(word).plain[0] for word in ("failed", "lost", "dead", "False")}
    assert good.isdisjoint(bad)


async def test_a_moved_key_works_in_its_new_place_and_is_told_by_help(api: ProvisionerApi, file: Path):
    file.write_text("keys: {yaml: f5, quit: ctrl+q}\n")
    async with terminal(api, profile="yard") as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("y")
        assert "kubernetes_version" not in screen_text(pilot)
        await pilot.press("f5")
        await sees(pilot, "kubernetes_version: 1.36.2")


async def test_keys_that_make_no_sense_are_told_and_stay_where_they_were(api: ProvisionerApi, file: Path):
    file.write_text("theme: mauve\nkeys: {yml: v, quit: no+such+key, copy: q}\n")
    async with terminal(api, profile="yard") as pilot:
        await until(pilot, lambda: told(pilot).count("keys:") == 3, "three lines")
        lines = told(pilot)

    assert "nothing is called 'yml'; near: yaml." in lines
    assert "quit: 'no+such+key' is no key." in lines
    assert "copy: 'q' is the key of quit already." in lines
    assert "there is no 'mauve'" in lines


def test_keys_may_change_places():
    nouns.registered()

    assert bindings.checked({"yaml": "Y", "copy": "y"}) == ({"yaml": "Y", "copy": "y"}, [])
    assert bindings.checked({"filter": "f3,ctrl+shift+f,?"})[1] != []  # ? is help


def test_every_key_of_the_terminal_has_an_id_words_and_can_be_pressed():
    for kind in (Terminal, *(noun.screen for noun in nouns.registered() if isinstance(noun.screen, type))):
        for name, binding in bindings.of(kind).items():
            assert binding.tooltip or binding.description, name
            assert all(bindings._is_key(key) for key in bindings._split(binding.key)), name
