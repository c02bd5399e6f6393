"""What is secret shows up nowhere: not in replies, logs, the audit log or the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
import structlog

from engine.domain.statuses import JobStatus
from tests.contract import harness
from tests.contract.harness import ADMIN, CANARY, Api, Run, cluster_body

PASSPHRASE = f"{CANARY}-passphrase"
SUDO = f"{CANARY}-sudo"
LOGIN = f"{CANARY}-login-password"
KUBECONFIG = f"apiVersion: v1\ntoken: {CANARY}-kubeconfig\n"


@pytest.fixture
def log() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


async def everything(database_url: str) -> str:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(database_url)
    try:
        tables = await connection.fetch(
            "SELECT c.oid::regclass::text AS name "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public'"
        )
        found = []
        for table in tables:
            found += [
                str(row["row"])
                for row in await connection.fetch(f"SELECT t::text AS row FROM {table['name']} t")
            ]
        return "\n".join(found)
    finally:
        await connection.close()


async def test_secrets_are_nowhere_to_be_found(log: list[Any], api: Api) -> None:
    key = harness.private_key(PASSPHRASE)
    marker = key.splitlines()[3]
    access = {
        "username": "root",
        "auth_method": "private_key",
        "private_key": key,
        "passphrase": PASSPHRASE,
        "password": SUDO,
    }
    client = await api.admin()
    granted = await api.login()
    replies = []
    made = await client.post(
        "/api/v1/clusters", json=cluster_body(ssh_config=access), headers={"Idempotency-Key": "k"}
    )
    replies.append(made)
    for wrong in (
        {"ssh_config": access | {"passphrase": PASSPHRASE + "!"}},
        {"ssh_config": access | {"password": SUDO + "\n"}},
        {"ssh_config": access, "name": "No"},
        {"ssh_config": access, "nix": CANARY},
    ):
        replies += [await client.post("/api/v1/clusters", json=cluster_body(**wrong))]
    replies.append(await client.post("/api/v1/clusters", content=json.dumps(access)[:-1]))
    replies.append(await client.post("/api/v1/auth/login", data={"username": ADMIN, "password": LOGIN}))
    replies.append(await client.post("/api/v1/auth/refresh", json={"refresh_token": CANARY}))
    unreachable = [{**cluster_body()["nodes"][0], "ip_address": "192.0.2.1", "ssh_port": 9}]
    replies.append(
        await client.post("/api/v1/clusters/test-ssh", json={"nodes": unreachable, "ssh_config": access})
    )
    run = Run(made.json()["job"]["id"], api.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS, kubeconfig=KUBECONFIG)
    downloaded = await client.get("/api/v1/clusters/yard-1/kubeconfig")
    for path in (
        "clusters/yard-1",
        "clusters",
        "jobs",
        f"jobs/{run.job_id}/events",
        "audit-logs?page_size=100",
    ):
        replies += [await client.get(f"/api/v1/{path}")]

    assert made.status_code == 201
    assert downloaded.text == KUBECONFIG
    told = "\n".join(reply.text + str(reply.headers) for reply in replies)
    stored = await everything(api.settings.database_url)
    logged = "\n".join(str(line) for line in log)
    assert "yard-1" in told
    assert "yard-1" in stored
    assert "'path': '/api/v1/clusters'" in logged
    for place in (told, stored, logged):
        for secret in (CANARY, marker, granted["access_token"], granted["refresh_token"], harness.PASSWORD):
            assert secret not in place
