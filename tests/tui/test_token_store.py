"""Where sign-ins are kept: files that only their owner reads, and keyrings that may hang."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from tui import system_keyring
from tui.system_keyring import SystemKeyring
from tui.token_store import Kept, TokenStore


class Keyring:
    """A keyring in memory; `hangs` makes it wait for a dialog that nobody sees."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.hangs = False

    def get_password(self, service: str, name: str) -> str | None:
        self._wait()
        return self.kept.get(name)

    def set_password(self, service: str, name: str, secret: str) -> None:
        self._wait()
        self.kept[name] = secret

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[name]

    def _wait(self) -> None:
        if self.hangs:
            threading.Event().wait()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_sign_in_is_kept_in_a_file_that_only_its_owner_reads():
    store = TokenStore.for_profile("prod")
    store.save("refresh-1", account="ana", url="https://yard.example")
    store.save("refresh-2", account="ana", url="https://yard.example")

    again = TokenStore.for_profile("prod")
    directory = Path(os.environ["XDG_STATE_HOME"], "keelyard/sign-ins")

    assert again.kept() == Kept("refresh-2", "ana", "https://yard.example")
    assert mode(directory) == 0o700
    assert [mode(file) for file in directory.iterdir()] == [0o600]
    again.forget()
    assert TokenStore.for_profile("prod").load() is None
    assert TokenStore.for_profile("../prod").load() is None


def test_a_file_that_others_could_read_is_mended_and_told(tmp_path: Path):
    store = TokenStore("prod", tmp_path / "kept")
    store.save("refresh")
    (tmp_path / "kept/prod.json").chmod(0o644)
    (tmp_path / "kept").chmod(0o755)

    assert store.load() == "refresh"
    assert "could be read by others (mode 644)" in store.remark
    assert (mode(tmp_path / "kept"), mode(tmp_path / "kept/prod.json")) == (0o700, 0o600)
    assert store.load() == "refresh"
    assert store.remark == ""


def test_a_link_is_not_followed(tmp_path: Path):
    store = TokenStore("prod", tmp_path / "kept")
    store.save("refresh")
    kept = tmp_path / "kept/prod.json"
    kept.rename(tmp_path / "elsewhere")
    kept.symlink_to(tmp_path / "elsewhere")

    assert store.load() is None
    assert "not used" in store.remark
    store.save("new")
    assert not kept.is_symlink()
    assert "new" not in (tmp_path / "elsewhere").read_text()


def test_a_linked_directory_is_refused(tmp_path: Path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "kept").symlink_to(tmp_path / "theirs")

    with pytest.raises(OSError, match=r"."):
        TokenStore("prod", tmp_path / "kept").save("refresh")
    assert list((tmp_path / "theirs").iterdir()) == []


def test_what_is_no_sign_in_is_none(tmp_path: Path):
    store = TokenStore("prod", tmp_path)
    (tmp_path / "prod.json").write_text("{")

    assert store.load() is None


def test_a_keyring_that_works_is_used_instead_of_a_file(tmp_path: Path):
    keyring = Keyring()
    store = TokenStore("prod", tmp_path / "kept", SystemKeyring(keyring))  # type: ignore[arg-type]
    store.save("refresh", account="ana")

    assert "refresh" in keyring.kept["prod"]
    assert not (tmp_path / "kept").exists()
    assert store.kept() == Kept("refresh", "ana")
    store.forget()
    assert keyring.kept == {}


def test_a_keyring_that_hangs_is_left_alone_and_the_file_stays_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(system_keyring, "_PATIENCE_SECONDS", 0.05)
    keyring = Keyring()
    store = TokenStore("prod", tmp_path, SystemKeyring(keyring))  # type: ignore[arg-type]
    keyring.hangs = True
    store.save("refresh-1")
    keyring.hangs = False
    store.save("refresh-2")

    assert store.load() == "refresh-2"
    assert keyring.kept == {}


def test_no_keyring_is_asked_where_it_is_switched_off_or_has_no_session(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    for setting in ("off", ""):
        monkeypatch.setenv("KEELYARD_KEYRING", setting)
        assert system_keyring.usable.__wrapped__() is None
