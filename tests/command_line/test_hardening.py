"""Hardening by commands: what is read, started, changed and saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.command_line.conftest import CommandLine, refused, succeeded
from tests.standins.hardening_api import SCAN_ID, SECOND, HardeningApi
from tests.standins.provisioner_api import PASSWORD
from tests.standins.provisioner_bodies import CLUSTER_ID, EMAIL, JOB_ID


@pytest.fixture
def api() -> HardeningApi:
    return HardeningApi()


@pytest.fixture
def command(api: HardeningApi, home: Path) -> CommandLine:
    """The command line of somebody who has signed in to the stand-in."""
    signed_in = CommandLine(api)
    succeeded(signed_in("login", "--email", EMAIL, said=f"{PASSWORD}\n"))
    return signed_in


def test_settings_scans_and_results_are_read(command: CommandLine, api: HardeningApi) -> None:
    settings = succeeded(command("get", "hardening", CLUSTER_ID))
    assert "CIS Kubernetes  ● on" in settings
    assert "linux-3.3.1 omitted: Pods are reached by forwarding." in settings
    assert "lynis did not run on w1: lynis is not in the bundle" in settings
    assert yaml.safe_load(succeeded(command("get", "hardening", CLUSTER_ID, "-o", "yaml")))["level"] == 2

    scans = succeeded(command("get", "hardening-reports", CLUSTER_ID)).splitlines()
    assert scans[1].split()[:2] == [SECOND, "harden"]
    assert "97.5" in scans[1]
    assert "score 97.5" in succeeded(command("get", "hardening-report", SECOND))
    failures = succeeded(command("get", "hardening-results", "edge-07", "--outcome", "fail"))
    assert [line.split()[0] for line in failures.splitlines()] == ["OUTCOME", "fail", "fail"]
    assert "BOOT-5122" in failures
    assert "✗ broken c1 kube-bench kubernetes-4.2.1 pass → fail" in succeeded(
        command("get", "hardening-diff", SECOND)
    )
    items = json.loads(
        succeeded(command("get", "hardening-items", "--filter", "search=Cipher", "-o", "json"))
    )
    assert [each["id"] for each in items] == ["linux-5.1.2"]
    assert "c1-kube-bench.json" in succeeded(command("get", "artifacts", SCAN_ID))


def test_nobody_has_scanned_yet_is_said(command: CommandLine, api: HardeningApi) -> None:
    api.scans = []

    assert "Nobody has scanned edge-07 yet" in refused(command("get", "hardening-results", "edge-07"))
    assert "Of which report?" in refused(command("get", "hardening-results"), 2)


def test_jobs_are_started_and_what_changes_much_is_not_started_unasked(
    command: CommandLine, api: HardeningApi
) -> None:
    assert succeeded(command("scan", "edge-07")).strip() == JOB_ID
    asked = refused(command("harden", "edge-07"), 2)
    assert "Control planes restart one at a time" in asked
    assert "say so with --yes" in asked
    refused(command("rotate-encryption-key", "edge-07"), 2)
    assert api.accepted == ["scan"]
    succeeded(command("harden", "edge-07", "--yes"))
    succeeded(command("rotate-encryption-key", "edge-07", "--yes"))
    assert api.accepted == ["scan", "harden", "rotate-encryption-key"]


def test_reports_and_raw_files_are_saved_and_never_replaced(command: CommandLine, home: Path) -> None:
    save = ("hardening-report", "export", "edge-07", "--format", "sarif", "--to", "scan.sarif")
    succeeded(command(*save))
    assert json.loads((home / "scan.sarif").read_text()) == {"form": "sarif"}
    assert (home / "scan.sarif").stat().st_mode & 0o777 == 0o600
    assert "it is never replaced" in refused(command(*save))
    raw = command("artifact", SCAN_ID, "c1-kube-bench.json", "--to", "-")
    assert json.loads(succeeded(raw)) == {"raw": True}
