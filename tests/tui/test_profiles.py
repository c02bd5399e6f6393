"""The file of profiles: read, written, and refused in words where it makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui import errors, profiles
from tui.profiles import Profile, Profiles


def written(text: str) -> Path:
    path = profiles.config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_a_file_there_is_this_machines_server():
    assert Profiles.load().current == Profile("local", "http://127.0.0.1:8000")
    assert profiles.chosen(email="ana@yard") == Profile("local", "http://127.0.0.1:8000", "ana@yard")


def test_a_profile_is_kept_and_becomes_the_current_one():
    Profiles.load().save(Profile("prod", "https://yard.example/", "ana@yard.example"))
    Profiles.load().save(Profile("audit", "https://yard.example", read_only=True), current=False)

    kept = Profiles.load()

    assert kept.current == Profile("prod", "https://yard.example", "ana@yard.example")
    assert [profile.name for profile in kept] == ["prod", "audit"]
    assert kept.get("audit") == Profile("audit", "https://yard.example", read_only=True)


def test_what_else_the_file_says_stays(tmp_path: Path):
    elsewhere = tmp_path / "dotfiles.yaml"
    elsewhere.write_text("theme: nord\nkeys: {quit: ctrl+q}\nmine: 1\n")
    link = profiles.config_path()
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)

    Profiles.load().save(Profile("prod", "https://yard.example"))

    assert link.is_symlink()
    assert "mine: 1" in elsewhere.read_text()
    assert (Profiles.load().theme, Profiles.load().keys) == ("nord", {"quit": "ctrl+q"})


def test_a_profile_that_is_removed_is_not_current_any_more():
    Profiles.load().save(Profile("prod", "https://yard.example"))
    Profiles.load().remove("prod")

    assert len(Profiles.load()) == 0
    assert Profiles.load().current.name == "local"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "must be a mapping"),
        ("a: [", "config.yaml: "),
        ("profiles: [prod]", "`profiles` must be a mapping"),
        ("profiles: {prod: {}}", "profile prod needs a `url`"),
        ("profiles: {'../x': {url: http://a}}", "cannot be a profile's name"),
        ("profiles: {prod: {url: http://a, read_only: 'yes'}}", "`read_only` is true or false"),
        ("current: gone", "names gone"),
        ("keys: {y: 1}", "`keys` must map texts to texts"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_words(text: str, why: str):
    written(text)

    with pytest.raises(errors.ConfigUnreadable, match=why):
        Profiles.load()


def test_options_choose_a_profile():
    written("profiles: {prod: {url: 'https://yard.example', email: a@b}, lab: {url: 'http://10.0.0.1:8000'}}")

    assert profiles.chosen().name == "prod"
    assert profiles.chosen("lab", read_only=True) == Profile("lab", "http://10.0.0.1:8000", read_only=True)
    assert profiles.chosen(url="http://10.0.0.1:8000/").name == "lab"
    assert profiles.chosen(url="http://10.0.0.2:8000") == Profile("10.0.0.2:8000", "http://10.0.0.2:8000")
    assert profiles.chosen("new", "http://10.0.0.3") == Profile("new", "http://10.0.0.3")
    with pytest.raises(ValueError, match="no profile 'nix'"):
        profiles.chosen("nix")
