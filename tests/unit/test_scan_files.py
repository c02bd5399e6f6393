"""Files of scanners: cleaned, bounded, and only those of the cluster's nodes."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from engine.domain.hardening import Outcome
from engine.domain.specs import (
    AuthMethod,
    ClusterSpec,
    Components,
    Hardening,
    HardeningException,
    NodeSpec,
    SshSecrets,
    Topology,
)
from engine.domain.statuses import NodeRole, OsType
from engine.processes import scan_files
from engine.services.hardening_reports import Scan

SECRET = 'pa"ss<word>7f3a'
SPEC = ClusterSpec(
    id="5f0d4e2c-0000-4000-8000-000000000000",
    name="yard-1",
    topology=Topology(ha=False, control_plane_count=1, worker_count=0),
    components=Components(kubernetes_version="1.36.1", cni="flannel", ingress="none", runtime="containerd"),
    nodes=(
        NodeSpec(name="cp-1", role=NodeRole.CONTROL_PLANE, ip_address="192.0.2.1", os_type=OsType.DEBIAN12),
    ),
    username="root",
    hardening=Hardening(exceptions=(HardeningException(id="kubernetes-1.1.1", reason="As agreed."),)),
)


def left(directory: Path, host: str, evidence: str) -> Path:
    """What kube-bench left of a host."""
    place = directory / host
    place.mkdir(parents=True)
    (place / "kube-bench.meta.json").write_text('{"scanner": "kube-bench", "version": "0.15.6"}')
    result = {"test_number": "1.1.1", "status": "FAIL", "actual_value": evidence}
    report = {"Controls": [{"tests": [{"results": [result]}]}]}
    (place / "kube-bench.json").write_text(json.dumps(report))
    return place


def collected(directory: Path, said: list[str]) -> Scan | None:
    return scan_files.collect(
        directory,
        SPEC,
        SshSecrets(auth_method=AuthMethod.PASSWORD, password=SECRET),
        unseen={"cp-1": "Unseen."},
        say=said.append,
    )


def test_nobody_scanned(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert collected(tmp_path / "nothing", []) is None
    assert collected(tmp_path / "empty", []) is None


def test_a_secret_is_in_no_result_and_in_no_file(tmp_path: Path) -> None:
    left(tmp_path, "cp-1", f"--password={SECRET}")

    scan = collected(tmp_path, [])

    assert scan is not None
    (result,) = scan.judgement.results
    assert (result.outcome, result.reason) == (Outcome.EXCEPTED, "As agreed.")
    (file,) = scan.files
    content = zlib.decompress(file.packed)
    assert json.loads(content)["Controls"]
    for text in (result.evidence, content.decode()):
        assert "[redacted]" in text
        assert "word>7f3a" not in text


def test_only_plain_files_of_the_clusters_nodes_are_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    scans = tmp_path / "scans"
    place = left(scans, "cp-1", "x")
    left(scans, "stranger", "x")
    (place / "openscap-results.xml").symlink_to(outside)
    (place / "notes.txt").write_text("x")

    scan = collected(scans, [])

    assert scan is not None
    assert [file.name for file in scan.files] == ["cp-1-kube-bench.json"]
    assert {result.host for result in scan.judgement.results} == {"cp-1"}


def test_what_is_too_large_is_not_kept_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = left(tmp_path, "cp-1", "x")
    (place / "lynis-report.dat").write_text("x" * 2000)
    monkeypatch.setattr(scan_files, "MOST_BYTES", 1000)
    said: list[str] = []

    scan = collected(tmp_path, said)
    monkeypatch.setattr(scan_files, "MOST_KEPT", 10)
    none = collected(tmp_path, said)

    assert scan is not None
    assert none is not None
    assert [file.name for file in scan.files] == ["cp-1-kube-bench.json"]
    assert none.files == ()
    assert "cp-1-lynis-report.dat is not kept" in said[0]
    assert "cp-1-kube-bench.json is not kept" in said[1]
