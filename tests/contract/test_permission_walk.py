"""Every route of the OpenAPI document, asked by every role and by another tenant, against one table."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import httpx

from engine.domain.plans import Document, HostPlan
from engine.domain.statuses import JobStatus, Role
from engine.services import hardening_reports
from tests.contract.hardening import RAW, SCAN, scanned
from tests.contract.harness import Api, Run, cluster_body
from tests.contract.permission_table import HOOK, NAMED, RANKS, TABLE, Least, Rule, Whose

#: Their callers' sessions end with them, so they come last and get a login of their own.
ENDS_A_SESSION = {("POST", "/api/v1/auth/logout"), ("DELETE", "/api/v1/auth/session")}
_ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def test_the_table_has_every_route_and_no_other(api: Api) -> None:
    assert await _routes(api) == set(TABLE)


async def test_every_role_gets_what_the_table_says(api: Api) -> None:
    admin = await api.admin()
    clients: dict[Least, httpx.AsyncClient] = {Least.ANYBODY: api.anonymous()}
    for role in (Role.VIEWER, Role.OPERATOR):
        clients[RANKS[role]] = await api.account(role)
    clients[Least.ADMIN] = admin

    wrong = []
    for (method, path), rule in _walk():
        for rank, client in clients.items():
            asked = client
            if (method, path) in ENDS_A_SESSION and rank is not Least.ANYBODY:
                asked = await api.account(Role.VIEWER)
            # Unknown ids: whoever may ask is told so by 404, and nothing happens.
            answer = await _ask(asked, method, path, rule, {})
            if _outcome(answer) != _expected(rank, rule):
                wrong.append((method, path, rank.name, answer.status_code, answer.text[:200]))

    assert not wrong


async def test_another_tenants_operator_finds_nothing_and_changes_nothing(api: Api) -> None:
    admin = await api.admin()
    insider = await api.account(Role.OPERATOR)
    foreigner = await api.account(Role.OPERATOR, "foreigner@example.local")
    await admin.post("/api/v1/tenants", json={"name": "Acme", "email": "a@acme.example"})
    await admin.post("/api/v1/tenants/acme/members", json={"email": "foreigner@example.local"})
    ids = await _things(api, insider)
    before = await _seen(insider, ids)

    wrong = []
    for (method, path), rule in _walk():
        if rule.whose is Whose.NOBODYS:
            continue
        answer = await _ask(foreigner, method, path, rule, ids)
        if rule.whose is Whose.LIST:
            fine = answer.status_code == 200 and answer.json()["total"] == 0
        else:
            fine = answer.status_code == 404
        if not fine:
            wrong.append((method, path, answer.status_code, answer.text[:200]))
    assert not wrong
    assert await _seen(insider, ids) == before

    # The same requests of somebody of that tenant do find what they name: the walk above was not in vain.
    # The deeds are done now, deletions last.
    for (method, path), rule in _walk():
        if rule.whose is Whose.TENANTS:
            answer = await _ask(insider, method, path, rule, ids)
            if answer.status_code in (401, 403, 404):
                wrong.append((method, path, answer.status_code, answer.text[:200]))
    assert not wrong


def _walk() -> list[tuple[tuple[str, str], Rule]]:
    """The table: reads first, deletions last and from the inside out, ends of sessions at the very end."""

    def place(line: tuple[tuple[str, str], Rule]) -> tuple[bool, int, bool, int]:
        (method, path), _ = line
        return (
            (method, path) in ENDS_A_SESSION,
            _ORDER.index(method),
            path.startswith("/api/v1/clusters"),  # the rest hangs on them
            -path.count("/"),
        )

    return sorted(TABLE.items(), key=place)


async def _routes(api: Api) -> set[tuple[str, str]]:
    document = (await api.anonymous().get("/openapi.json")).json()
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


async def _ask(
    client: httpx.AsyncClient, method: str, path: str, rule: Rule, ids: dict[str, str]
) -> httpx.Response:
    def filled(text: str) -> str:
        return re.sub(r"{(\w+_id|name)}", lambda found: ids.get(found[1], str(uuid.uuid4())), text)

    body = None if rule.body is None or method == "GET" else json.loads(filled(json.dumps(rule.body)))
    return await client.request(method, filled(path), json=body)


def _outcome(answer: httpx.Response) -> str:
    return {401: "unauthenticated", 403: "forbidden"}.get(answer.status_code, "passed")


def _expected(rank: Least, rule: Rule) -> str:
    if rule.least is Least.BROWSER or (rank is Least.ANYBODY and rule.least is not Least.ANYBODY):
        return "unauthenticated"
    return "passed" if rank >= rule.least else "forbidden"


async def _things(api: Api, insider: httpx.AsyncClient) -> dict[str, str]:
    """One of everything in the default tenant, made by an operator of it."""

    async def made(path: str, body: Any) -> dict[str, Any]:
        answer = await insider.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    cluster = await made("/api/v1/clusters", cluster_body())
    run = Run(cluster["job"]["id"], api.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")
    ids = {"cluster_id": cluster["cluster"]["id"]}
    await scanned(api, insider, cluster=ids["cluster_id"])  # for the next to be compared with
    ids |= await _planned(api, insider, cluster)
    schedule = await made("/api/v1/schedules", NAMED | {"cluster_id": ids["cluster_id"]})
    channel = await made("/api/v1/notification-channels", HOOK)
    delivery = await made(f"/api/v1/notification-channels/{channel['id']}/test", None)
    template = await made("/api/v1/templates", {"name": "small"})
    return ids | {
        "schedule_id": schedule["id"],
        "channel_id": channel["id"],
        "delivery_id": delivery["delivery_id"],
        "template_id": template["id"],
        "tenant_id": "default",
    }


async def _planned(api: Api, insider: httpx.AsyncClient, cluster: dict[str, Any]) -> dict[str, str]:
    """A job with a plan, a report and an artifact: all that routes of jobs can show."""
    place = f"/api/v1/clusters/{cluster['cluster']['id']}"
    job = (await insider.post(f"{place}/plan")).json()["job_id"]
    run = Run(job, api.cipher)
    await run.claim()
    found = Document(spec_hash="0" * 64, hosts={"control-01": HostPlan()})
    report = await hardening_reports.record(run.job_id, run.attempt, SCAN)
    await run.finish(JobStatus.SUCCESS, plan=found)
    return {"job_id": job, "report_id": str(report), "name": RAW.name}


async def _seen(client: httpx.AsyncClient, ids: dict[str, str]) -> dict[str, str]:
    found = {}
    for (method, path), rule in _walk():
        # Whatever had been changed would show in one of these.
        if method == "GET" and rule.whose is not Whose.NOBODYS:
            found[path] = (await _ask(client, method, path, rule, ids)).text
    return found
