"""What the scanners wrote on a real node, cut down; titles and advice are in our words."""

from __future__ import annotations

import json
from pathlib import Path

_PROCESS = "root 692 564 7 13:49 ? 00:00:09 kube-apiserver --advertise-address=192.0.2.11"


def _check(number: str, title: str, status: str, **more: object) -> dict[str, object]:
    return {
        "test_number": number,
        "test_desc": title,
        "audit": "stat -c %U:%G /var/lib/etcd",
        "AuditEnv": "",
        "type": "",
        "remediation": "chown etcd:etcd /var/lib/etcd",
        "test_info": ["..."],
        "status": status,
        "actual_value": "",
        "scored": True,
        "IsMultiple": False,
        "expected_result": "",
        **more,
    }


KUBE_BENCH = {
    "Controls": [
        {
            "id": "1",
            "version": "cis-1.12",
            "node_type": "master",
            "tests": [
                {
                    "section": "1.1",
                    "fail": 1,
                    "results": [
                        _check(
                            "1.1.12",
                            "Data belong to etcd",
                            "FAIL",
                            actual_value="root:root",
                            expected_result="'etcd:etcd' is present",
                        )
                    ],
                },
                {
                    "section": "1.2",
                    "results": [
                        _check("1.2.1", "No anonymous access", "WARN", actual_value=_PROCESS, scored=False)
                    ],
                },
            ],
            "total_fail": 1,
        },
        {
            "id": "4",
            "node_type": "node",
            "tests": [{"section": "4.2", "results": [_check("4.2.1", "x", "PASS")]}],
        },
        {"id": "5", "node_type": "policies", "tests": None},
    ],
    "Totals": {"total_pass": 1, "total_fail": 1, "total_warn": 1, "total_info": 0},
}

_ID = "xccdf_org.ssgproject.content_rule_"
_RULES = {
    "sshd_disable_root_login": ("fail", "5.1.20"),
    "package_aide_installed": ("pass", "6.3.1"),
    "package_xorg_removed": ("notapplicable", "2.1.20"),
    "prefer_64bit_os": ("notselected", ""),
    "banner_by_hand": ("notchecked", "1.6.1"),
    "kernel_unknown": ("error", ""),
    "file_permissions_ungroupowned": ("notselected", "7.1.12"),
}


def _rule(name: str, number: str) -> str:
    reference = f'<reference href="https://www.cisecurity.org/benchmark/debian_linux/">{number}</reference>'
    return (
        f'<Group id="g-{name}"><Rule id="{_ID}{name}" severity="medium">'
        f'<title xml:lang="en-US">Title of {name}</title>'
        f'<description>Do <h:b xmlns:h="http://www.w3.org/1999/xhtml">this</h:b> about {name}.</description>'
        '<reference href="https://www.cisecurity.org/controls/">14.6</reference>'
        f"{reference if number else ''}"
        f'<check system="oval"><check-content-ref name="oval:ssg-{name}:def:1" href="x.xml"/></check>'
        "</Rule></Group>"
    )


def _result(name: str, result: str) -> str:
    return (
        f'<rule-result idref="{_ID}{name}" severity="medium"><result>{result}</result>'
        f'<check system="oval"><check-content-ref name="oval:ssg-{name}:def:1" href="x.xml"/></check>'
        "</rule-result>"
    )


XCCDF = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" '
    'id="xccdf_org.ssgproject.content_benchmark_DEBIAN-12"><title>Guide</title><version>0.1.82</version>'
    + "".join(_rule(name, number) for name, (_, number) in _RULES.items())
    + '<TestResult id="t" version="0.1.82"><title>Scan</title>'
    + "".join(_result(name, result) for name, (result, _) in _RULES.items())
    + '<score system="urn:xccdf:scoring:default" maximum="100">68.3</score></TestResult></Benchmark>'
)

ARF = (
    '<arf:asset-report-collection xmlns:arf="http://scap.nist.gov/schema/asset-reporting-format/1.1">'
    + XCCDF.partition("\n")[2]
    + "</arf:asset-report-collection>"
)

LYNIS = """\
# Lynis Report
lynis_version=3.1.7
hostname=n-1
suggestion[]=SSH-7408|Consider this|LogLevel (set INFO to VERBOSE)|-|
suggestion[]=SSH-7408|Consider this|Port (set 22 to )|-|
warning[]=PKGS-7388|No repository of security updates|-|text:add one|
suggestion[]=not a test|x|-|-|
tests_executed=SSH-7408|PKGS-7388|KRNL-5677|../../etc|
hardening_index=59
"""


def leave(
    directory: Path, scanner: str, report: str | bytes | None = None, host: str = "n-1", **meta: object
) -> Path:
    """Leaves a scan in `directory` as the role does."""
    names = {"kube-bench": "kube-bench.json", "openscap": "openscap-results.xml", "lynis": "lynis-report.dat"}
    place = directory / host
    place.mkdir(parents=True, exist_ok=True)
    if report is not None:
        (place / names[scanner]).write_bytes(report if isinstance(report, bytes) else report.encode())
    told = {"scanner": scanner, "version": "1.0", "finished_at": "2026-11-22T13:52:01Z", "unavailable": ""}
    (place / f"{scanner}.meta.json").write_text(json.dumps(told | meta))
    return directory


def all_of(directory: Path) -> Path:
    """All three scanners on one host."""
    leave(directory, "kube-bench", json.dumps(KUBE_BENCH), profile="cis-1.12")
    left_out = [{"rule": "file_permissions_ungroupowned", "reason": "walks the disks"}]
    leave(directory, "openscap", XCCDF, profile="cis_level1_server", left_out=left_out)
    return leave(directory, "lynis", LYNIS)
