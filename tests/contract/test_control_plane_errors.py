"""What every path of the control plane's contract has in common: its errors, its limits, its document."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog

from engine.services import users as user_rules
from tests.contract.control_plane import LOGIN, ME, data, refused
from tests.contract.harness import ADMIN, PASSWORD, Api, serving, settings

REGISTER = "/control-plane/staff/register"
NOBODY = "550e8400-e29b-41d4-a716-446655440002"
TENANT = "/control-plane/tenant/register"
ACME = {
    "name": "Acme Corporation",
    "email": "contact@acme.com",
    "contact_info": {
        "phone": "+1-555-123-4567",
        "address": "123 Main St, City, State",
        "company": "Acme Corp",
    },
}
NEWCOMER = {"email": "newstaff@example.com", "password": "StrongPassword123!", "roles": ["staff"]}


# -- login --


async def test_what_is_not_served(api: Api) -> None:
    cases = [
        ("GET", "/control-plane", 404, "NotFound"),
        ("GET", "/control-plane/", 404, "NotFound"),
        ("GET", "/control-plane/nix", 404, "NotFound"),
        ("GET", "/control-plane//nix", 404, "NotFound"),
        ("POST", "/control-plane/auth/refresh", 404, "NotFound"),
        ("GET", "/control-plane/auth/login", 405, "MethodNotAllowed"),
        ("DELETE", "/control-plane/staff/me", 405, "MethodNotAllowed"),
    ]
    client = await api.admin()

    for method, path, status, code in cases:
        refused(await client.request(method, path), status, code)


async def test_a_path_that_only_begins_alike_is_of_the_native_contract(api: Api) -> None:
    answer = await api.anonymous().get("/control-planes")

    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_is_no_json(api: Api) -> None:
    for body in (b"", b"{", b"\xff", b'{"email": "\\ud800"}', b"[" * 100_000):
        refused(await api.anonymous().post(LOGIN, content=body), 400, "ValidationError")


async def test_json_is_read_whatever_the_content_type(api: Api) -> None:
    body = json.dumps({"email": ADMIN, "password": PASSWORD}).encode()

    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        data(await api.anonymous().post(LOGIN, content=body, headers={"Content-Type": kind}))


async def test_a_body_over_the_limit(api: Api) -> None:
    answer = await api.anonymous().post(LOGIN, content=b" " * (4 * 1024 * 1024 + 1))

    refused(answer, 413, "PayloadTooLarge")


async def test_a_crash_tells_the_caller_nothing_but_the_correlation_id(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("canary-crash")

    client = await api.admin()
    monkeypatch.setattr(user_rules.Users, "create", broken)

    answer = await client.post(REGISTER, json=NEWCOMER)

    assert "canary" not in refused(answer, 500, "InternalError")


async def test_the_log_line_has_the_correlation_id_of_the_body(api: Api) -> None:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        answer = await api.anonymous().get(ME, headers={"X-Request-ID": "trace-me"})

    assert answer.json()["error"]["correlationId"] == "trace-me"
    assert [line["correlation_id"] for line in lines if line["event"] == "request"] == ["trace-me"]


async def test_logins_alone_are_limited(database_url: str) -> None:
    async with serving(settings(database_url, rate_limit_per_minute=1, auth_rate_limit_per_minute=2)) as api:
        client = api.anonymous()
        logins = [
            await client.post(LOGIN, json={"email": "e@example.com", "password": "x"}) for _ in range(3)
        ]
        others = [await client.get(ME) for _ in range(4)]

    assert [answer.status_code for answer in logins] == [401, 401, 429]
    refused(logins[-1], 429, "RateLimited")
    assert 1 <= int(logins[-1].headers["retry-after"]) <= 60
    assert [answer.status_code for answer in others] == [401] * 4


# -- the OpenAPI document --


async def test_the_document_has_a_group_for_this_contract(api: Api) -> None:
    document = (await api.anonymous().get("/openapi.json")).json()

    groups = {group["name"]: group["tags"] for group in document["x-tagGroups"]}
    assert groups["AWS control plane"]
    assert all(tag.startswith("Control plane: ") for tag in groups["AWS control plane"])
    assert not set(groups["AWS control plane"]) & set(groups["Kubernetes provisioner"])


async def test_the_document_tells_every_documented_status_and_the_shape_of_errors(api: Api) -> None:
    document = (await api.anonymous().get("/openapi.json")).json()

    told = {
        path.removeprefix("/control-plane"): {int(status) for status in operation["responses"]}
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if path.startswith("/control-plane")
    }
    always = {413, 500}
    documented = {
        "/auth/login": {200, 400, 401, 429} | always,
        "/auth/password-reset/request": {200, 400, 429} | always,
        "/auth/password-reset/confirm": {200, 400, 401, 429} | always,
        "/staff/me": {200, 401, 403, 404} | always,
        "/staff/register": {201, 400, 401, 403, 409} | always,
        "/staff/enable": {200, 400, 401, 403, 404} | always,
        "/staff/disable": {200, 400, 401, 403, 404, 409} | always,
        "/tenant/register": {201, 400, 401, 403, 409} | always,
    }
    assert set(told) == set(documented)
    assert not {path: statuses - told[path] for path, statuses in documented.items() if statuses - told[path]}
    login = document["paths"]["/control-plane/auth/login"]["post"]
    assert login["security"] in ([], [{}])  # both say: needs no token
    refusal = login["responses"]["401"]["content"]["application/json"]["schema"]["$ref"]
    detail = document["components"]["schemas"]
    assert set(detail[refusal.rpartition("/")[2]]["properties"]) == {"error", "timestamp"}
    assert set(detail["ErrorDetail"]["properties"]) == {"code", "message", "correlationId"}
