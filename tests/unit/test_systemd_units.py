"""The units in the documentation: what systemd thinks of them, and what runs need of them."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "docs" / "systemd").glob("*.service"))


def service(name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]
    [path] = [unit for unit in UNITS if unit.name == name]
    parser.read_string(path.read_text())
    return parser["Service"]


def test_stopping_the_worker_leaves_its_runs_alone():
    """Only the worker itself is stopped, and nothing that runs need is private to one start of the unit."""
    worker = service("keelyard-worker.service")
    assert worker["KillMode"] == "process"
    assert worker["Restart"] == "always"
    assert worker["OOMPolicy"] == "continue"
    forbidden = {"PrivateTmp", "PrivateDevices", "PrivateIPC", "RestrictNamespaces", "RuntimeDirectory"}
    assert forbidden.isdisjoint(worker)
    assert worker.get("RemoveIPC", "no") == "no"


@pytest.mark.parametrize("name", ["keelyard-api.service", "keelyard-worker.service"])
def test_units_run_an_unprivileged_user_from_a_versioned_installation(name):
    unit = service(name)
    assert unit["User"] == "keelyard"
    assert unit["ExecStart"].startswith("/opt/keelyard/current/bin/keelyard ")
    assert (unit["NoNewPrivileges"], unit["CapabilityBoundingSet"]) == ("yes", "")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_systemd_understands_every_line(tmp_path):
    """The command of the units is not installed here, so another stands in its place."""
    copies = []
    for unit in UNITS:
        lines = [
            "ExecStart=/bin/true" if line.startswith("ExecStart=") else line
            for line in unit.read_text().splitlines()
        ]
        copies.append(tmp_path / unit.name)
        copies[-1].write_text("\n".join(lines) + "\n")
    seen = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, copies)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (seen.returncode, seen.stderr) == (0, "")
