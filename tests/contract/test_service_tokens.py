"""Service tokens: scoped, expiring, hashed, shown once, revocable, and known by name in the audit log."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from engine.domain.permissions import Permission
from engine.domain.statuses import Role
from engine.processes.commands.token import token as command
from engine.store import database
from tests.contract.harness import Api, cluster_body

PATH = "/api/v1/service-tokens"


async def made(api: Api, *scope: str, name: str = "ci", **more: Any) -> dict[str, Any]:
    answer = await (await api.admin()).post(PATH, json={"name": name, "permissions": list(scope), **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def bearer(api: Api, token: dict[str, Any]) -> httpx.AsyncClient:
    return api.anonymous(Authorization=f"Bearer {token['token']}")


async def test_a_token_may_do_what_it_is_made_for_and_nothing_else(api: Api) -> None:
    token = bearer(api, await made(api, "cluster:read", "cluster:create", "cluster:delete"))
    admin = await api.admin()
    await admin.post("/api/v1/clusters", json=cluster_body("theirs", network="198.51.100"))

    own = await token.post("/api/v1/clusters", json=cluster_body(), headers={"Idempotency-Key": "k"})
    again = await token.post("/api/v1/clusters", json=cluster_body(), headers={"Idempotency-Key": "k"})

    assert own.status_code == again.status_code == 201
    assert own.json()["cluster"]["id"] == again.json()["cluster"]["id"]
    assert (await token.get("/api/v1/clusters")).status_code == 200
    refused = await token.get("/api/v1/jobs")
    assert (refused.status_code, "job:read is not in the scope" in refused.json()["detail"]) == (403, True)
    assert (await token.get("/api/v1/audit-logs")).status_code == 403
    assert (await token.get(PATH)).status_code == 403
    assert (await token.delete("/api/v1/clusters/theirs")).status_code == 403
    assert (await token.get("/api/v1/auth/me")).json()["email"] == "service-token:ci"


async def test_a_token_is_shown_once_and_kept_as_a_hash(api: Api) -> None:
    token = await made(api, "cluster:read")
    admin = await api.admin()

    listed = (await admin.get(PATH)).json()["data"]
    shown = (await admin.get(f"{PATH}/{token['id']}")).json()
    [row] = await database.fetch("SELECT service_token::text AS whole FROM service_token")
    answers = await database.fetch("SELECT idempotency_record::text FROM idempotency_record")

    assert listed == [shown]
    assert "token" not in shown
    assert token["token"].startswith("kyt_")
    assert token["token"] not in row["whole"]
    assert not answers


async def test_a_token_ends_at_once_when_it_is_revoked(api: Api) -> None:
    token = await made(api, "cluster:read")
    client, admin = bearer(api, token), await api.admin()
    before = (await client.get("/api/v1/clusters")).status_code

    revoked = await admin.delete(f"{PATH}/ci")
    after = await client.get("/api/v1/clusters")

    assert (before, revoked.status_code, after.status_code) == (200, 204, 401)
    assert "was revoked" in after.json()["detail"]
    assert (await admin.delete(f"{PATH}/{token['id']}")).status_code == 404
    assert (await admin.get(PATH)).json()["total"] == 0
    await made(api, "cluster:read")  # the name is free again


async def test_an_expired_token_is_refused_and_named_in_the_log(api: Api) -> None:
    client = bearer(api, await made(api, "cluster:create"))
    await database.fetch("UPDATE service_token SET expires_at = now() - interval '1 second'")

    answer = await client.post("/api/v1/clusters", json=cluster_body())
    entries = (await (await api.admin()).get("/api/v1/audit-logs", params={"status": "refused"})).json()

    assert (answer.status_code, "has expired" in answer.json()["detail"]) == (401, True)
    assert [(entry["actor"], entry["action"]) for entry in entries["data"]] == [
        ("service-token:ci", "cluster:create")
    ]


async def test_the_log_tells_who_made_used_and_revoked_a_token(api: Api) -> None:
    client = bearer(api, await made(api, "cluster:create"))
    await client.post("/api/v1/clusters", json=cluster_body())
    admin = await api.admin()
    used = (await admin.get(f"{PATH}/ci")).json()
    await admin.delete(f"{PATH}/ci")

    entries = (await admin.get("/api/v1/audit-logs")).json()["data"]
    told = [(entry["actor"], entry["action"], entry["resource_name"]) for entry in entries]

    assert ("admin@k8s-provisioner.local", "service-token:create", "ci") in told
    assert ("service-token:ci", "cluster:create", "yard-1") in told
    assert ("admin@k8s-provisioner.local", "service-token:revoke", "ci") in told
    assert used["last_used_at"] is not None
    assert used["last_used_address"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Two Words"}, "name"),
        ({"permissions": []}, "permissions"),
        ({"permissions": ["cluster:read", "all:everything"]}, "permissions.1"),
        ({"permissions": ["service-token:create"]}, "permissions.0"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 100_000}, "expires_in_days"),
        ({"tenant": "nobody"}, "tenant"),
        ({"role": "admin"}, "role"),
    ],
)
async def test_a_wrong_token_is_refused(api: Api, change: dict[str, Any], field: str) -> None:
    admin = await api.admin()

    answer = await admin.post(PATH, json={"name": "ci", "permissions": ["cluster:read"], **change})

    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert (await admin.get(PATH)).json()["total"] == 0


async def test_names_are_unique_and_only_administrators_make_tokens(api: Api) -> None:
    await made(api, "cluster:read")
    admin, operator = await api.admin(), await api.account(Role.OPERATOR)
    body = {"name": "ci", "permissions": ["cluster:read"]}

    assert (await admin.post(PATH, json=body)).status_code == 409
    for client, status in ((operator, 403), (api.anonymous(), 401)):
        assert (await client.post(PATH, json=body)).status_code == status
        assert (await client.get(PATH)).status_code == status
        assert (await client.delete(f"{PATH}/ci")).status_code == status


@pytest.mark.parametrize("token", ["kyt_", "kyt_nix", "kyt_" + "x" * 5000, "KYT_a", "kyt_ä"])
async def test_what_is_no_token_is_refused(api: Api, token: str) -> None:
    answer = await api.anonymous().get(
        "/api/v1/clusters", headers={b"Authorization": f"Bearer {token}".encode("latin-1")}
    )

    assert answer.status_code == 401


def test_the_command_makes_lists_and_revokes(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(command, arguments, standalone_mode=False)
        assert result.exception is None, result.exception
        return result.stdout

    text = run("create", "nightly", "-p", "cluster:read", "-p", "job:read", "--days", "7")
    listed, as_json = run("list"), run("list", "--json")
    run("revoke", "nightly")

    assert text.startswith("kyt_")
    assert len(text.strip()) > 40
    assert "nightly" in listed
    assert "token_hash" not in as_json
    assert run("list") == ""
    assert {"cluster:read", "job:read"} <= set(Permission)
