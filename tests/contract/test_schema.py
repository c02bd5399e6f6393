"""Every route of the OpenAPI document, asked by every role what it did not expect.

schemathesis makes up requests from the document, right and wrong ones, always the same. Nothing may answer
with a server error, with a status or a media type that the document does not have, or in another shape.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus, Role
from engine.services import hardening_reports
from engine.services.directory import NewUser
from engine.services.identity import Caller
from tests.contract.hardening import RAW, SCAN, scanned
from tests.contract.harness import ADMIN, PASSWORD, Api, Run, cluster_body, serving, settings
from tests.standins.receivers import MailServer

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
#: Phases for a role, and requests made up per route beside those at the limits of what the document allows.
#: More find more: KEELYARD_SCHEMA_EXAMPLES=500 takes an evening.
EFFORT = {
    None: ("fuzzing", 1),
    Role.VIEWER: ("fuzzing", 1),
    Role.OPERATOR: ("fuzzing", 2),
    Role.ADMIN: ("coverage,fuzzing", 3),
}
HOOKS = Path(__file__).with_name("schema_hooks.py")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "role", [None, Role.VIEWER, Role.OPERATOR, Role.ADMIN], ids=lambda role: role or "anonymous"
)
async def test_every_route_answers_as_documented(
    database_url: str, role: Role | None, tmp_path: Path
) -> None:
    async with MailServer(tls=None).listening() as mail:
        post = {"smtp_url": f"smtp://127.0.0.1:{mail.port}?tls=none", "mail_from": "keelyard@yard.example"}
        async with serving(settings(database_url, **post)) as api:
            await _ask(api, role, tmp_path)


async def _ask(api: Api, role: Role | None, tmp_path: Path) -> None:
    login = await _login(api, role)
    known = await _things(api)
    token = "" if login is None else str((await api.login(**login))["access_token"])
    form = None if login is None else {"username": login["email"], "password": login["password"]}
    phases, examples = EFFORT[role]
    examples = int(os.environ.get("KEELYARD_SCHEMA_EXAMPLES", examples))

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
        *("run", f"{api.url}/openapi.json"),
        *("--checks", ",".join(CHECKS), "--phases", phases, "--max-examples", str(examples)),
        *("--generation-deterministic", "--no-shrink", "--continue-on-failure", "--seed", "1"),
        *("--suppress-health-check", "all", "--request-timeout", "30", "--no-color", "--warnings", "off"),
        *("--generation-with-security-parameters", "false"),
        cwd=tmp_path,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": str(HOOKS),
            "KEELYARD_SCHEMA": json.dumps({"url": api.url, "known": known, "login": form, "token": token}),
            "PYTHONWARNINGS": "ignore",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()

    assert process.returncode == 0, told.decode()
    if login is not None:
        # Otherwise all those answers were 401, which is documented too.
        me = await api.anonymous(Authorization=f"Bearer {token}").get("/api/v1/auth/me")
        assert me.status_code == 200, me.text


async def _login(api: Api, role: Role | None) -> dict[str, str] | None:
    if role is None:
        return None
    email = ADMIN
    if role is not Role.ADMIN:
        email = f"{role.value}@example.local"
        await api.users.create(NewUser(email=email, password=PASSWORD, roles=frozenset({role})), Caller())
    return {"email": email, "password": PASSWORD}


async def _things(api: Api) -> dict[str, str]:
    """One of each noun, by the name of the path parameter that names it."""
    admin = await api.admin()

    async def made(place: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await admin.post(place, json=body)
        assert answer.status_code in {200, 201, 202}, answer.text
        return dict(answer.json())

    cluster = await made("/api/v1/clusters", cluster_body())
    job_id = cluster["job"]["id"]
    run = Run(job_id, api.cipher)
    await run.claim()
    await run.tell(run.event(EventKind.HOST_OK, host="control-01", task="Look"))
    await hardening_reports.record(run.job_id, run.attempt, SCAN)
    await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")
    schedule = await made(
        "/api/v1/schedules",
        {"name": "nightly", "cluster_id": "yard-1", "job_type": "verify", "cron": "0 3 * * *"},
    )
    channel = await made(
        "/api/v1/notification-channels",
        {"name": "ops", "kind": "webhook", "url": "https://hooks.example.com/in"},
    )
    tried = await made(f"/api/v1/notification-channels/{channel['id']}/test", {})
    report_id, _ = await scanned(api, admin)
    user = await made("/api/v1/users", {"email": "una@example.local", "password": PASSWORD})
    return {
        "cluster_id": cluster["cluster"]["id"],
        "job_id": job_id,
        "schedule_id": schedule["id"],
        "channel_id": channel["id"],
        "delivery_id": tried["delivery_id"],
        "user_id": user["id"],
        "report_id": report_id,
        "name": RAW.name,
    }
