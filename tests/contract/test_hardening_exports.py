"""Hardening reports as files: complete, well-formed, harmless, and told in the audit log."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx

from engine.domain.statuses import Role
from tests.contract.hardening import HOSTILE, REASON, scanned
from tests.contract.harness import Api, cluster_body


async def exported(api: Api, form: str) -> tuple[httpx.AsyncClient, str, httpx.Response]:
    admin, viewer = await api.admin(), await api.account(Role.VIEWER)
    await admin.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    report_id, _ = await scanned(api, admin)
    answer = await viewer.get(f"/api/v1/hardening/reports/{report_id}/export", params={"format": form})
    assert answer.status_code == 200, answer.text
    return admin, report_id, answer


async def test_json_has_everything(api: Api) -> None:
    admin, report_id, answer = await exported(api, "json")

    found = answer.json()

    assert answer.headers["content-type"].startswith("application/json")
    assert found["format"] == "keelyard-hardening-report/1"
    assert found["cluster"]["name"] == "yard-1"
    assert (found["report"]["id"], found["report"]["score"]) == (report_id, 50.0)
    listed = (await admin.get(f"/api/v1/hardening/reports/{report_id}/results")).json()["data"]
    assert [each | {"by": each["by"] or ""} for each in found["results"]] == listed


async def test_an_export_is_a_file_and_in_the_audit_log(api: Api) -> None:
    admin, report_id, answer = await exported(api, "json")
    place = f"/api/v1/hardening/reports/{report_id}/export"
    answers = {"json": answer} | {
        form: await admin.get(place, params={"format": form}) for form in ("html", "sarif")
    }

    for form, each in answers.items():
        name = rf'attachment; filename="yard-1-hardening-[0-9-]+\.{form}"'
        assert re.fullmatch(name, each.headers["content-disposition"])
    entries = (await admin.get("/api/v1/audit-logs", params={"action": "hardening:export"})).json()["data"]
    assert [entry["details"]["format"] for entry in entries] == ["sarif", "html", "json"]
    assert {(entry["resource_type"], entry["resource_id"]) for entry in entries} == {
        ("hardening_report", report_id)
    }
    refused = await admin.get(place, params={"format": "pdf"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "format"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


async def test_the_page_needs_nobody_and_runs_nothing(api: Api) -> None:
    _, _, answer = await exported(api, "html")

    page = _Page()
    page.feed(answer.text)

    assert answer.headers["content-type"].startswith("text/html")
    named = {tag for tag, _ in page.tags}
    assert named.isdisjoint({"script", "link", "img", "iframe", "object", "form", "a", "base"})
    assert not [attribute for _, own in page.tags for attribute in own if attribute.startswith("on")]
    assert not {"src", "href", "style"} & {attribute for _, own in page.tags for attribute in own}
    assert "url(" not in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text
    text = "".join(page.text)
    assert REASON in text  # as text, with its markup
    assert HOSTILE.replace("\x00", "") in text
    for media in ("prefers-color-scheme: dark", "@media print"):
        assert media in text
    # Its policy allows its own style and nothing else.
    policy = answer.headers["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    assert "unsafe" not in policy
    meta = re.search(r'Content-Security-Policy" content="([^"]*)"', answer.text)
    assert meta is not None
    assert digest in meta[1].replace("&#43;", "+").replace("&#39;", "'")


#: Of SARIF 2.1.0's schema: what each object must have.
REQUIRED = {
    "sarif": {"version", "runs"},
    "run": {"tool"},
    "driver": {"name"},
    "rule": {"id"},
    "result": {"message"},
    "suppression": {"kind"},
    "invocation": {"executionSuccessful"},
    "notification": {"message"},
    "automationDetails": set(),
}


def _has(kind: str, found: dict[str, Any]) -> None:
    assert set(found) >= REQUIRED[kind], (kind, found)


async def test_sarif_tells_problems_with_rules_and_suppressions(api: Api) -> None:
    _, _, answer = await exported(api, "sarif")

    found = json.loads(answer.content)

    assert answer.headers["content-type"].startswith("application/sarif+json")
    _has("sarif", found)
    assert found["version"] == "2.1.0"
    assert [run["tool"]["driver"]["name"] for run in found["runs"]] == ["openscap", "lynis"]
    for run in found["runs"]:
        _has("run", run)
        _has("driver", run["tool"]["driver"])
        rules = run["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for rule in rules:
            _has("rule", rule)
            assert rule["help"]["text"]
            assert rule["shortDescription"]["text"]
        for invocation in run["invocations"]:
            _has("invocation", invocation)
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", invocation["endTimeUtc"])
            for notification in invocation["toolExecutionNotifications"]:
                _has("notification", notification)
        for result in run["results"]:
            _has("result", result)
            assert result["message"]["text"]
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            # What is no failure has no level.
            assert (result["level"] == "none") is (result["kind"] != "fail")
    scap, lynis = found["runs"]
    told = {(each["ruleId"], each["kind"], each["level"]) for each in scap["results"]}
    assert told == {
        ("hostile", "fail", "error"),
        ("forwarding", "fail", "note"),
        ("policy", "review", "none"),
    }
    excepted = [each for each in scap["results"] if each["ruleId"] == "forwarding"]
    assert [each["suppressions"] for each in excepted] == [
        [{"kind": "external", "status": "accepted", "justification": f"{REASON} (product)"}]
    ] * 2
    assert not [each for each in scap["results"] if each["level"] == "error" and "suppressions" in each]
    prints = [each["partialFingerprints"]["keelyardResult/v1"] for each in scap["results"]]
    assert len(set(prints)) == len(prints) == 6
    assert lynis["invocations"][0]["executionSuccessful"] is False
    assert lynis["results"] == []
