"""The node's and the controller's half of a scan, function by function; scanners are stood in for by shell scripts."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail

from tests.unit.roles.loading import ROLES, load, module

OVAL = """<oval_results xmlns="urn:r"><oval_definitions>
  <definitions><definition id="d:1"><criteria><criterion test_ref="t:1"/></criteria></definition></definitions>
  <tests><textfilecontent54_test id="t:1" comment="banner is set"/><shadow_test id="t:2" comment="no hash"/></tests>
  </oval_definitions><results><system><definitions>
  <definition definition_id="d:1" result="false"><criteria result="false">
    <criterion test_ref="t:1" result="false"/><criterion test_ref="t:3" result="true"/>
    <extend_definition definition_ref="d:2" result="false"/></criteria></definition>
  <definition definition_id="d:2" result="false"><criteria result="false"><criterion test_ref="t:2" result="false"/>
    <extend_definition definition_ref="d:1" result="false"/></criteria></definition>
  <definition definition_id="d:3" result="true"><criteria result="true"/></definition>
  </definitions><tests>
  <test test_id="t:1" result="false"><tested_item item_id="1"/><tested_item item_id="9"/></test>
  <test test_id="t:2" result="false"><tested_item item_id="2"/></test></tests>
  <oval_system_characteristics><system_data>
  <textfilecontent_item id="1"><filepath>/etc/ssh/sshd_config</filepath><subexpression>none</subexpression></textfilecontent_item>
  <textfilecontent_item id="2"><filepath>/etc/shadow</filepath><subexpression>$y$hash</subexpression></textfilecontent_item>
  </system_data></oval_system_characteristics></system></results></oval_results>"""


@pytest.fixture
def scanner():
    return module("scan_node", "node_scan")


@pytest.fixture
def controller():
    return load(ROLES / "node_scan" / "action_plugins" / "scan_node.py", "keelyard_tested_action_scan_node")


def packed(path: Path, files: dict[str, bytes], program: str) -> dict[str, str]:
    """A scanner as it arrives on a node."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name == program else 0o644
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return {"staged": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def parameters(**more: object) -> dict[str, object]:
    return {
        "scanner": "kube-bench", "staged": "", "sha256": "", "lacking": "There is none.", "targets": ["node"],
        "benchmark": "cis-1.12", "profiles": [], "contents": [], "disk_rules": [], "ignored_paths": [],
        "installation": "", "timeout_seconds": 30, **more,
    }  # fmt: skip


def test_a_scanner_runs_in_a_directory_of_its_own_that_does_not_stay(scanner, tmp_path, monkeypatch):
    monkeypatch.setattr(scanner, "HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "keelyard-scan-killed").mkdir(parents=True)
    program = b'#!/bin/sh\nif [ $1 = version ]; then echo 0.15.6; exit; fi\nfor last; do :; done\necho "$@" >"$last"\n'
    sent = packed(tmp_path / "sent", {"kube-bench": program, "../outside": b"x"}, "kube-bench")

    told = scanner.scanned(parameters(**sent))

    report = gzip.decompress(base64.b64decode(told["content"])).decode()
    assert (told["unavailable"], told["version"], told["profile"]) == ("", "0.15.6", "cis-1.12")
    assert "--benchmark cis-1.12 --targets node --json" in report
    assert list((tmp_path / "home").iterdir()) == []
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("program", "more", "why"),
    [
        (b"#!/bin/sh\necho no such process; exit 1\n", {}, "kube-bench ended with 1: no such process"),
        (
            b"#!/bin/sh\n[ $1 = version ] || exec sleep 60\n",
            {"timeout_seconds": 1},
            "did not finish within 1 s",
        ),
        (b"#!/bin/sh\n", {"sha256": "0"}, "arrived changed"),
        (b"#!/bin/sh\n", {"staged": ""}, "There is none."),
        (b"#!/bin/sh\n", {"scanner": "openscap"}, "OpenSCAP is not installed."),
        (b"#!/bin/sh\n", {"scanner": "lynis", "staged": ""}, "Lynis is not installed. There is none."),
    ],
)
def test_a_scanner_that_cannot_run_is_unavailable_with_the_reason(
    scanner, tmp_path, monkeypatch, program, more, why
):
    monkeypatch.setattr(scanner, "HOME", str(tmp_path))
    monkeypatch.setattr(scanner.shutil, "which", lambda name, path: None)
    sent = packed(tmp_path / "sent", {"kube-bench": program}, "kube-bench")

    told = scanner.scanned(parameters(**{**sent, **more}))

    assert why in told["unavailable"]
    assert "content" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["sent"]


def test_what_openscap_saw_is_told_without_secrets(scanner):
    seen = scanner.Seen(ET.fromstring(OVAL)).of_all()

    assert seen["d:1"].splitlines() == ["banner is set: /etc/ssh/sshd_config none", "no hash: /etc/shadow"]
    assert "d:3" not in seen


PREFIX = "xccdf_org.ssgproject.content_"


def test_the_first_profile_the_content_has_is_taken_without_the_rules_it_lacks(scanner):
    content = f'<Profile id="{PREFIX}profile_cis_server_l1"><Rule id="{PREFIX}rule_walks"/>'

    assert scanner.chosen(content, ["cis_level1_server", "cis_server_l1"], ["walks", "absent"]) == (
        "cis_server_l1",
        ["walks"],
    )
    with pytest.raises(scanner.Unavailable, match="no profile cis"):
        scanner.chosen(content, ["cis"], [])


def test_a_scanner_that_stands_still_gets_a_second_attempt_within_its_time(scanner, monkeypatch):
    given = []

    def run(command, directory, seconds, environment):
        given.append(seconds)
        if len(given) == 1:
            raise scanner.Unavailable("oscap did not finish")
        return 2, "said"

    monkeypatch.setattr(scanner, "run", run)

    assert scanner.run_again(["oscap"], "/", 900, {}) == (2, "said")
    assert given == [300, 600]


def test_openscap_is_told_which_time_service_the_node_has(scanner, tmp_path, monkeypatch):
    content = f'<Value id="{PREFIX}value_var_timesync_service"/>'
    monkeypatch.setattr(scanner, "PATH", str(tmp_path))
    assert scanner.site_values(content) == {"var_timesync_service": "systemd-timesyncd"}

    (tmp_path / "chronyd").touch(mode=0o755)
    assert scanner.site_values(content) == {"var_timesync_service": "chronyd"}
    assert scanner.site_values("<Value/>") == {}


def test_openscap_is_told_how_strictly_the_kernel_hides_its_addresses(scanner, tmp_path, monkeypatch):
    content = f'<Value id="{PREFIX}value_sysctl_kernel_kptr_restrict_value"/>'
    monkeypatch.setattr(scanner, "SETTINGS", str(tmp_path))
    assert scanner.site_values(content) == {}

    (tmp_path / "kernel").mkdir()
    for setting, told in (("0", {}), ("1", {}), ("2", {"sysctl_kernel_kptr_restrict_value": "2"})):
        (tmp_path / "kernel" / "kptr_restrict").write_text(f"{setting}\n")
        assert scanner.site_values(content) == told
    assert scanner.site_values("<Value/>") == {}


def test_the_tailored_profile_leaves_rules_out_and_carries_the_values_of_the_site(scanner):
    tailored = ET.fromstring(scanner.tailoring("/a&b", "cis_server_l1", ["walks"], {"var_time": "chronyd"}))

    profile = tailored[-1]
    assert [each.tag.rpartition("}")[2] for each in profile] == ["title", "refine-value", "select"]
    assert (profile[1].get("idref"), profile[1].get("selector")) == (f"{PREFIX}value_var_time", "chronyd")


def test_openscap_that_skips_an_element_right_behind_an_empty_one_reads_every_value_and_rule(scanner):
    tailored = scanner.tailoring("/ds.xml", "cis_server_l1", ["walks", "looks"], {"var_a": "1", "var_b": "2"})

    assert tailored.count("\n<refine-value ") == tailored.count("\n<select ") == 2
    assert "/><refine-value" not in tailored
    assert "/><select" not in tailored


def test_only_what_was_signed_is_sent(controller, tmp_path):
    (tmp_path / "scanners").mkdir()
    (tmp_path / "scanners" / "lynis.tar.gz").write_bytes(b"lynis")
    listing = f"{hashlib.sha256(b'lynis').hexdigest()}  scanners/lynis.tar.gz\n".encode()
    (tmp_path / "SHA256SUMS").write_bytes(listing)
    digest = hashlib.sha256(listing).hexdigest()

    assert controller.signed(tmp_path, digest, "lynis.tar.gz") == tmp_path / "scanners" / "lynis.tar.gz"
    assert not controller.signed(tmp_path, digest, "kube-bench.tar.gz").exists()
    with pytest.raises(AnsibleActionFail, match="not the one whose signature"):
        controller.signed(tmp_path, "0" * 64, "lynis.tar.gz")
    (tmp_path / "scanners" / "lynis.tar.gz").write_bytes(b"other")
    with pytest.raises(AnsibleActionFail, match="does not match its checksum"):
        controller.signed(tmp_path, digest, "lynis.tar.gz")


def test_a_report_that_grows_beyond_all_measure_is_refused(controller, monkeypatch):
    monkeypatch.setattr(controller, "MOST", 1000)
    assert controller.unpacked(base64.b64encode(gzip.compress(b"x" * 1000))) == b"x" * 1000

    with pytest.raises(AnsibleActionFail, match="longer than"):
        controller.unpacked(base64.b64encode(gzip.compress(b"x" * 1_000_000)))
