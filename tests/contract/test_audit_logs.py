"""The audit log over HTTP: filters, files, the head of its chain."""

from __future__ import annotations

import csv
import io
import json

import pytest

from engine.domain.statuses import Role
from engine.services import audit_chain, audit_log
from engine.services.audit_log import Resource
from engine.services.identity import Caller
from tests.contract.harness import Api, cluster_body

PATH = "/api/v1/audit-logs"


async def test_filters_narrow_the_list(api: Api) -> None:
    admin = await api.admin()
    made = (await admin.post("/api/v1/clusters", json=cluster_body())).json()["cluster"]
    await admin.post("/api/v1/clusters", json={})

    async def actions(**query: str) -> list[str]:
        return [entry["action"] for entry in (await admin.get(PATH, params=query)).json()["data"]]

    assert await actions(action="cluster:create", status="success") == ["cluster:create"]
    assert await actions(action="cluster:create", status="refused") == ["cluster:create"]
    assert await actions(resource=f"cluster/{made['id']}", status="success") == ["cluster:create"]
    assert await actions(resource="cluster/nix") == []
    assert await actions(actor="nobody@example.local") == []
    assert await actions(until="2020-01-01T00:00:00Z") == []
    assert "cluster:create" in await actions(since=made["created_at"][:19] + "Z")
    assert (await admin.get(PATH, params={"sort": "x"})).status_code == 422
    assert (await admin.get(PATH, params={"format": "xml"})).status_code == 422
    assert (await admin.get(PATH, params={"since": "yesterday"})).status_code == 422


@pytest.mark.parametrize(
    ("query", "headers"),
    [({"format": "jsonl"}, {}), ({}, {"Accept": "application/jsonl"})],
)
async def test_every_entry_comes_as_json_lines(
    api: Api, query: dict[str, str], headers: dict[str, str]
) -> None:
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body())

    answer = await admin.get(PATH, params=query, headers=headers)
    entries = [json.loads(line) for line in answer.text.splitlines()]

    assert answer.headers["content-type"].startswith("application/jsonl")
    assert "attachment" in answer.headers["content-disposition"]
    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[-1]["action"] == "audit:export"
    assert entries[-1]["details"]["format"] == "jsonl"
    assert {"cluster:create", "session:login"} <= {entry["action"] for entry in entries}


async def test_a_spreadsheet_finds_no_formula(api: Api) -> None:
    """Names are chosen by whoever makes a thing, also by whoever tries to log in."""
    await api.anonymous().post(
        "/api/v1/auth/login", data={"username": '=HYPERLINK("http://evil.example")', "password": "x"}
    )
    await audit_log.record(Caller(), "a:b", Resource("cluster", "", 'two\nlines, "quoted"'), actor="-1+1")
    admin = await api.admin()

    answer = await admin.get(PATH, params={"resource": "session"}, headers={"Accept": "text/csv"})
    every = await admin.get(PATH, params={"format": "csv"})
    [refused] = [row for row in csv.DictReader(io.StringIO(answer.text)) if row["status"] == "refused"]
    rows = {row["action"]: row for row in csv.DictReader(io.StringIO(every.text))}

    assert answer.headers["content-type"].startswith("text/csv")
    assert refused["actor"].startswith("'=HYPERLINK")
    assert (rows["a:b"]["actor"], rows["a:b"]["resource_name"]) == ("'-1+1", 'two\nlines, "quoted"')


async def test_the_head_verifies_what_came_before(api: Api) -> None:
    admin = await api.admin()
    head = (await admin.get(f"{PATH}/head")).json()
    await admin.post("/api/v1/clusters", json=cluster_body())

    kept = audit_chain.read_head(json.dumps(head).encode())

    assert set(head) == {"sequence", "hash", "timestamp"}
    assert (await audit_chain.verify(kept)).intact


async def test_operators_read_the_log_and_viewers_do_not(api: Api) -> None:
    operator, viewer = await api.account(Role.OPERATOR), await api.account(Role.VIEWER)
    for path in (PATH, f"{PATH}?format=csv", f"{PATH}/head"):
        assert (await operator.get(path)).status_code == 200
        assert (await viewer.get(path)).status_code == 403
        assert (await api.anonymous().get(path)).status_code == 401
