"""The guard of dangerous changes, function by function: what it keeps, puts back, and says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.roles.loading import PLAYBOOKS, load, module

guards = module("change_guard")
action = load(PLAYBOOKS / "action_plugins" / "change_guard.py", "keelyard_tested_guard_action")


class Refused(Exception):
    """What fail_json becomes here."""


class Module:
    """The parts of AnsibleModule that a guard uses; systemd is not there."""

    def __init__(self, **params: object) -> None:
        defaults = {"name": "access", "paths": [], "validate": "", "reload": "", "undo": ""}
        self.params = {**defaults, "seconds": 90, "longest": 900, **params}
        self.check_mode = False

    def fail_json(self, msg: str, **_: object) -> None:
        raise Refused(msg)

    def run_command(self, argv: list[str], **_: object) -> tuple[int, str, str]:
        ran = subprocess.run(argv, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout, ran.stderr


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of settings with a file and a link; guards and their units have folders of their own."""
    monkeypatch.setattr(guards, "GUARDS", str(tmp_path / "guards"))
    monkeypatch.setattr(guards, "UNITS", str(tmp_path / "units"))
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text("#!/bin/sh\n")
    systemctl.chmod(0o755)
    (tmp_path / "bin" / "systemd-run").symlink_to(systemctl)
    monkeypatch.setattr(guards, "PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "old").write_text("old\n")
    (folder / "old").chmod(0o640)
    (folder / "link").symlink_to("old")
    return folder


def begun(folder: Path, **params: object):
    guard = guards.Guard(Module(paths=[str(folder), f"{folder}.new"], **params))
    guards.begin(guard, guard.module.params)
    return guard


def change(folder: Path) -> None:
    (folder / "old").write_text("new\n")
    (folder / "link").unlink()
    (folder / "more").write_text("more\n")
    Path(f"{folder}.new").write_text("x\n")


def unchanged(folder: Path) -> bool:
    names = sorted(path.name for path in folder.iterdir())
    kept = (folder / "old").read_text() == "old\n" and (folder / "old").stat().st_mode & 0o777 == 0o640
    return kept and names == ["link", "old"] and not Path(f"{folder}.new").exists()


def test_everything_comes_back_and_what_was_not_there_goes(files: Path):
    guard = begun(files)
    change(files)

    assert guard.roll_back() == ""

    assert unchanged(files)
    assert not guard.is_armed()
    assert not any(Path(guards.UNITS).rglob("*.service"))


def test_nothing_is_checked_or_reloaded_when_nothing_differs(files: Path):
    guard = begun(files, validate="false", reload="false")

    assert guards.apply(guard)["changed"] is False
    assert not guard.is_armed()


def test_wrong_files_are_put_back_at_once_and_the_reason_is_told(files: Path):
    guard = begun(files, validate="echo line 3 is wrong; false")
    change(files)

    with pytest.raises(Refused, match=r"line 3 is wrong[\s\S]*were put back and nothing has changed"):
        guards.apply(guard)

    assert unchanged(files)


def test_a_change_stays_once_it_is_confirmed(files: Path):
    guard = begun(files, reload=f"touch {files}.reloaded")
    change(files)

    applied = guards.apply(guard)
    guards.confirm(guard)
    guard.roll_back()

    assert applied["differing"] == [str(files), f"{files}.new"]
    assert Path(f"{files}.reloaded").exists()
    assert (files / "old").read_text() == "new\n"


def test_a_confirmation_that_comes_too_late_fails_and_says_when_it_was_undone(files: Path):
    guard = begun(files)
    change(files)
    guards.apply(guard)
    guard.roll_back()

    for late in (guards.confirm, guards.apply):
        with pytest.raises(Refused, match=r"put its old files back at \d\d:\d\d:\d\d UTC"):
            late(guard)


def test_what_an_earlier_run_left_unconfirmed_is_put_back_before_new_copies_are_kept(files: Path):
    begun(files)
    change(files)

    guard = begun(files)

    assert unchanged(files)
    assert guard.is_armed()


def test_at_boot_files_come_back_and_nothing_is_reloaded(files: Path):
    guard = begun(files, undo=f"touch {files}.read")
    change(files)

    subprocess.run(["/bin/sh", guard.at("rollback"), "boot"], check=True)
    assert unchanged(files)
    assert not Path(f"{files}.read").exists()

    guard = begun(files, undo=f"touch {files}.read")
    subprocess.run(["/bin/sh", guard.at("rollback"), "timer"], check=True)
    assert Path(f"{files}.read").exists()


def test_copies_are_for_root_alone_whatever_the_umask(files: Path):
    before = os.umask(0)
    try:
        guard = begun(files)
    finally:
        os.umask(before)

    assert Path(guard.home).stat().st_mode & 0o777 == 0o700
    assert Path(guard.at("rollback")).stat().st_mode & 0o777 == 0o700


def test_a_name_is_never_a_path():
    with pytest.raises(Refused, match="no name for a guard"):
        guards.Guard(Module(name="../x"))


def test_the_operator_reads_what_failed_and_when_the_node_mends_it():
    applied = {"differing": ["/etc/ssh/sshd_config"], "rolls_back_at": "10:00:00 UTC"}

    text = action.told("Permission denied", applied)

    assert "Permission denied" in text
    assert "10:00:00 UTC" in text
    assert (
        action.told("the node put its old files back at 9", applied) == "the node put its old files back at 9"
    )
