"""The hardening routes of the API in memory: a cluster's settings, two scans and their results."""

from __future__ import annotations

import json
from typing import Any, override

import httpx

from tests.standins.provisioner_api import ProvisionerApi, problem
from tests.standins.provisioner_bodies import CLUSTER_ID, JOB_ID, PLAN_ID, job

FIRST, SECOND = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
SCAN_ID = PLAN_ID


def counts(passed: int = 90, failed: int = 2, excepted: int = 3) -> dict[str, int]:
    """Results by outcome."""
    return {"passed": passed, "failed": failed, "not_applicable": 5, "excepted": excepted, "manual": 4}


def scan(report_id: str, day: int, score: float, job_type: str = "scan") -> dict[str, Any]:
    """A scan as a list shows it; Lynis did not run on one node."""
    summary = {"version": "1.2.3", "profile": "cis", "hosts": 2, "counts": counts(), "unavailable": []}
    away = [{"host": "w1", "reason": "lynis is not in the bundle"}]
    return {
        "id": report_id,
        "cluster_id": CLUSTER_ID,
        "job_id": SCAN_ID if report_id == SECOND else JOB_ID,
        "job_type": job_type,
        "created_at": f"2026-01-{day}T10:00:00Z",
        "score": score,
        "counts": counts(),
        "scanners": [
            {"scanner": "kube-bench", "score": 100.0, "raw_score": 91.2, **summary},
            {"scanner": "lynis", "score": score, "raw_score": score, **summary, "unavailable": away},
        ],
    }


def result(number: int, outcome: str, **changes: Any) -> dict[str, Any]:
    """One result."""
    return {
        "host": "c1",
        "scanner": "kube-bench",
        "rule": f"4.2.{number}",
        "item": f"kubernetes-4.2.{number}",
        "title": f"Title of item {number}",
        "outcome": outcome,
        "severity": "high",
        "evidence": f"--flag-{number} is not set",
        "remediation": "Set it.",
        "reason": "",
        **changes,
    }


ITEMS = [
    {
        "id": f"linux-5.1.{number}",
        "benchmark": "linux",
        "number": f"5.1.{number}",
        "title": f"{what} of the SSH server",
        "level": 1 + number % 2,
        "disposition": "applied",
        "reason": "",
        "lab": "",
        "numbers": {"rocky9": f"5.1.{number}"},
    }
    for number, what in enumerate(("Banner", "Ciphers", "Idle time"), start=1)
]


class HardeningApi(ProvisionerApi):
    """Settings that can be changed; exceptions need a reason, as at the real server."""

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "cluster_id": CLUSTER_ID,
            "enable_cis_k8s_benchmark": True,
            "enable_cis_linux_benchmark": False,
            "level": 2,
            "exceptions": [],
            "default_deny_network_policies": False,
        }
        self.scans = [scan(SECOND, 29, 97.5, "harden"), scan(FIRST, 28, 65.9)]
        self.results = [
            result(1, "fail"),
            result(2, "excepted", reason="The nodes need it."),
            result(3, "pass", host="w1"),
            result(4, "fail", item="", scanner="lynis", rule="BOOT-5122", title="Set a password"),
        ]
        self.accepted: list[str] = []
        self.jobs[SCAN_ID] = job("success", SCAN_ID, type="scan")

    @override
    def _noun(self, request: httpx.Request, path: str) -> httpx.Response:
        match [request.method, *path.strip("/").split("/")]:
            case ["GET", "clusters", _, "hardening"]:
                return httpx.Response(200, json=self._settings())
            case ["PATCH", "clusters", _, "hardening"]:
                return self._change(json.loads(request.content))
            case ["GET", "clusters", _, "hardening", "reports"]:
                return self._page(self.scans)
            case ["POST", "clusters", _, "harden" | "scan" | "rotate-encryption-key" as verb]:
                self.accepted.append(verb)
                body = {"message": "Accepted", "cluster_id": CLUSTER_ID, "job_id": JOB_ID}
                return httpx.Response(202, json=body)
            case ["GET", "hardening", "items"]:
                needle = request.url.params.get("search", "")
                return self._page([item for item in ITEMS if needle in f"{item['id']} {item['title']}"])
            case ["GET", "hardening", "reports", report_id, *rest]:
                return self._report(request, report_id, rest)
            case ["GET", "jobs", _, "artifacts"]:
                return httpx.Response(200, json=[artifact()])
            case ["GET", "jobs", _, "artifacts", _]:
                return httpx.Response(200, content=b'{"raw": true}\n')
        return super()._noun(request, path)

    def _settings(self) -> dict[str, Any]:
        adapted = [
            {
                "id": "linux-3.3.1",
                "title": "Forwarding is off",
                "level": 1,
                "by": "product",
                "disposition": "omitted",
                "reason": "Pods are reached by forwarding.",
            }
        ]
        adapted += [
            {**each, "title": "Off", "level": 1, "by": "cluster", "disposition": "applied"}
            for each in self.settings["exceptions"]
        ]
        return {**self.settings, "adapted": adapted, "latest": self.scans[0] if self.scans else None}

    def _change(self, change: dict[str, Any]) -> httpx.Response:
        self.bodies.append(change)
        for number, each in enumerate(change.get("exceptions", ())):
            if not each["reason"]:
                answer = problem(422, "The request is not right")
                field = f"hardening.exceptions.{number}.reason"
                body = {**answer.json(), "errors": [{"field": field, "message": "is needed"}]}
                return httpx.Response(422, json=body)
        self.settings |= change
        return httpx.Response(200, json=self._settings())

    def _report(self, request: httpx.Request, report_id: str, rest: list[str]) -> httpx.Response:
        found = {each["id"]: each for each in self.scans}[report_id]
        asked = request.url.params
        match rest:
            case []:
                hosts = [
                    {
                        "host": host,
                        "scanner": "kube-bench",
                        "score": 100.0,
                        "raw_score": 91.2,
                        "counts": counts(),
                        "unavailable": "",
                    }
                    for host in ("c1", "w1")
                ]
                return httpx.Response(200, json={**found, "hosts": hosts, "artifacts": ["kube-bench.json"]})
            case ["results"]:
                members = [name for name in ("host", "scanner", "outcome") if name in asked]
                return self._page(
                    [
                        each
                        for each in self.results
                        if all(each[name] == asked[name] for name in members)
                        and asked.get("search", "") in each["title"]
                    ]
                )
            case ["diff"]:
                lines = [
                    {**_line(1), "before": "pass", "after": "fail", "kind": "broken"},
                    {**_line(2), "before": "fail", "after": "pass", "kind": "fixed"},
                    {**_line(3), "before": None, "after": "manual", "kind": "appeared"},
                ]
                return httpx.Response(
                    200, json={"before": self.scans[1], "after": self.scans[0], "lines": lines}
                )
        return httpx.Response(200, content=f'{{"form": "{asked["format"]}"}}'.encode())


def artifact() -> dict[str, Any]:
    """A file that a job left."""
    return {
        "name": "c1-kube-bench.json",
        "media_type": "application/json",
        "size": 14,
        "sha256": "ab" * 32,
        "created_at": "2026-01-29T10:00:00Z",
    }


def _line(number: int) -> dict[str, Any]:
    told = result(number, "fail")
    return {name: told[name] for name in ("host", "scanner", "rule", "item", "title")}
