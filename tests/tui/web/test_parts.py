"""The browser terminal's small parts: addresses, counting attempts, and the fence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.tui.web.serving import ROOT
from tui import command
from tui.web.attempts import PER_MINUTE, Attempts
from tui.web.settings import Address, client_address, networks


def test_an_address_is_taken_apart():
    address = Address.of("https://yard.example/tui/")

    assert address == Address(origins=frozenset({"https://yard.example"}), prefix="/tui", secure=True)
    assert not address.is_exposed
    assert Address.of("http://yard.example:3001").is_exposed


def test_this_machine_has_three_names():
    address = Address.of("http://localhost:3001")

    assert address.origins == {"http://localhost:3001", "http://127.0.0.1:3001", "http://[::1]:3001"}
    assert not address.is_exposed


@pytest.mark.parametrize(
    "wrong",
    [
        "yard.example",
        "ftp://yard.example",
        "https://",
        "https://a:b@yard.example",
        "https://yard.example/?a=b",
        "https://yard.example/a b",
        "https://yard.example/{path}",
        "https://yard.example/a//b",
    ],
)
def test_what_is_no_address_of_a_page_is_refused(wrong):
    with pytest.raises(ValueError, match=r"address|plain path"):
        Address.of(wrong)


def test_only_trusted_proxies_say_who_asks():
    proxies = networks("10.0.0.0/8, 192.0.2.1/32")

    assert client_address("203.0.113.9", "198.51.100.1", proxies) == "203.0.113.9"
    assert client_address("10.0.0.1", "198.51.100.1, 192.0.2.1", proxies) == "198.51.100.1"
    assert client_address("10.0.0.1", "forged, 198.51.100.7", proxies) == "198.51.100.7"
    assert client_address("10.0.0.1", "", proxies) == "10.0.0.1"


def test_an_address_has_so_many_attempts_a_minute():
    now = [0.0]
    attempts = Attempts(lambda: now[0])

    assert [attempts.wait("a") for _ in range(PER_MINUTE)] == [0.0] * PER_MINUTE
    assert attempts.wait("a") == 60.0
    assert attempts.wait("b") == 0.0
    now[0] = 59.0
    assert attempts.wait("a") == 1.0
    now[0] = 60.0
    assert attempts.wait("a") == 0.0


_TRESPASSES = """
import os, pathlib, subprocess, sys, tempfile, shutil
from tui.web import fence
fence.put_up()
from tui.app import Terminal  # the program itself can still be read
from tui import errors, files, kubeconfigs, profiles
place = sys.argv[1]
def refused(deed):
    try:
        deed()
    except (OSError, errors.ConfigUnreadable):
        return
    raise SystemExit(f"not refused: {deed.__code__.co_names}")
refused(lambda: pathlib.Path(place, "secret").read_text())
refused(lambda: open(os.path.join(place, "../" + os.path.basename(place), "secret"), "rb"))
refused(lambda: open(os.path.dirname(os.__file__) + "/../../../../../../../.." + place + "/secret"))
refused(lambda: os.open(place + "/link.py", os.O_RDONLY))
refused(lambda: os.listdir(place))
refused(lambda: list(pathlib.Path(place).iterdir()))
refused(lambda: files.save("x", place + "/new"))
refused(lambda: files.save("x", place + "/secret", replace=True))
refused(lambda: kubeconfigs.save("x", place + "/new"))
refused(lambda: open(os.__file__, "a"))
refused(lambda: tempfile.mkdtemp())
refused(lambda: tempfile.NamedTemporaryFile())
refused(lambda: subprocess.run(["true"]))
refused(lambda: os.system("true"))
refused(lambda: os.execv("/bin/true", ["true"]))
refused(lambda: os.posix_spawn("/bin/true", ["true"], {}))
refused(lambda: os.remove(place + "/secret"))
refused(lambda: os.rename(place + "/secret", place + "/other"))
refused(lambda: shutil.copyfile(place + "/secret", place + "/other"))
refused(lambda: os.mkdir(place + "/directory"))
refused(lambda: profiles.Profiles.load(pathlib.Path(place, "secret")))
print("all refused")
"""


def test_the_process_of_a_tab_cannot_touch_the_web_servers_disk(tmp_path):
    (tmp_path / "secret").write_text("profiles: {}")
    (tmp_path / "link.py").symlink_to(tmp_path / "secret")

    ran = subprocess.run(
        [sys.executable, "-c", _TRESPASSES, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.stdout == "all refused\n", ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.py", "secret"]
    assert (tmp_path / "secret").read_text() == "profiles: {}"


def test_a_server_that_is_told_its_api_reads_nobodys_profiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("- no mapping")
    monkeypatch.setenv("KEELYARD_CONFIG", str(tmp_path / "config.yaml"))
    served: list[str] = []
    monkeypatch.setattr(command.browser, "serve", lambda url, **_: served.append(url))

    asked = CliRunner().invoke(command.tui, ["--web", "--url", "http://api:8000"])
    profile = CliRunner().invoke(command.tui, ["--web", "--profile", "yard"])

    assert (asked.exit_code, served) == (0, ["http://api:8000"])
    assert profile.exit_code == 1
    assert "must be a mapping" in profile.output
