"""What each system's nodes are scanned with: package, content and profile, rendered by Ansible itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.roles.loading import evaluate

CONTENT = "/usr/share/xml/scap/ssg/content"


def rendered(system: tuple[str, str, str], name: str, **more: Any) -> Any:
    """A variable of the role on a worker that runs `system` (id, version, family)."""
    known = {
        "discover_node": {"os": dict(zip(("id", "version", "family"), system, strict=True))},
        "groups": {"kube_control_plane": ["a"]},
        "inventory_hostname": "b",
        "node_scan_leader": "a",
    }
    return evaluate("node_scan", name, **(known | more))


@pytest.mark.parametrize(
    ("system", "packages", "source", "contents"),
    [
        (("debian", "12", "Debian"), ["openscap-scanner"], "ssg-debian12-ds.xml.gz", ["debian12"]),
        (("debian", "13", "Debian"), ["openscap-scanner"], "ssg-debian13-ds.xml.gz", ["debian13"]),
        (("ubuntu", "22.04", "Debian"), ["libopenscap8"], "ssg-ubuntu2204-ds.xml.gz", ["ubuntu2204"]),
        (
            ("rocky", "9.4", "RedHat"),
            ["openscap-scanner", "scap-security-guide"],
            "",
            ["rl9", "rocky9", "rhel9"],
        ),
        (("rhel", "9.4", "RedHat"), ["openscap-scanner", "scap-security-guide"], "", ["rhel9", "rl9"]),
    ],
)
def test_each_system_has_its_package_and_its_content(system, packages, source, contents):
    assert rendered(system, "node_scan_packages") == packages
    assert rendered(system, "node_scan_sources")["openscap"] == source
    assert rendered(system, "node_scan_contents") == [f"{CONTENT}/ssg-{name}-ds.xml" for name in contents]


def test_the_profile_follows_the_level_and_the_targets_the_node():
    debian = ("debian", "12", "Debian")

    assert rendered(debian, "node_scan_profiles")[0] == "cis_level1_server"
    assert rendered(debian, "node_scan_profiles", node_scan_level=2)[0] == "cis_level2_server"
    assert rendered(debian, "node_scan_targets") == ["node"]
    leader = ["master", "etcd", "controlplane", "node", "policies"]
    assert rendered(debian, "node_scan_targets", inventory_hostname="a") == leader
    assert rendered(debian, "node_scan_targets", inventory_hostname="a", node_scan_leader="c") == leader[:-1]
