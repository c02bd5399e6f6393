"""Every refusal is a problem document with the right status, and the right headers."""

from __future__ import annotations

import pytest

from engine.domain.statuses import Role
from tests.contract.harness import Api, cluster_body, serving, settings


async def test_the_shape_of_a_problem(api: Api) -> None:
    answer = await api.anonymous().get("/api/v1/clusters", headers={"X-Request-ID": "abc-123"})

    problem = answer.json()
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-request-id"] == "abc-123"
    assert set(problem) == {"type", "title", "status", "detail", "correlation_id"}
    assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Unauthorized", 401)
    assert problem["correlation_id"] == "abc-123"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nix", 404),
        ("GET", "/api/v1/clusters/nix", 404),
        ("GET", "/api/v1/clusters/550e8400-e29b-41d4-a716-446655440000", 404),
        ("GET", "/api/v1/clusters/%7B%7B%207*7%20%7D%7D", 404),
        ("GET", "/api/v1/jobs/nix", 404),
        ("GET", "/api/v1/jobs/550e8400-e29b-41d4-a716-446655440000/events", 404),
        ("GET", "/api/v1/jobs/550e8400-e29b-41d4-a716-446655440000/log", 404),
        ("DELETE", "/api/v1/clusters/nix", 404),
        ("POST", "/api/v1/clusters/nix/provision", 404),
        ("POST", "/api/v1/jobs/550e8400-e29b-41d4-a716-446655440000/cancel", 404),
        ("PUT", "/api/v1/clusters", 405),
        ("POST", "/health", 405),
        ("GET", "/api/v1/clusters?page=0", 422),
        ("GET", "/api/v1/clusters?page=two", 422),
        ("GET", "/api/v1/clusters?page_size=101", 422),
        ("GET", "/api/v1/clusters?status_filter=happy", 422),
        ("GET", "/api/v1/clusters?status=running", 422),
        ("DELETE", "/api/v1/clusters/nix?deprovision=maybe", 422),
        ("GET", "/api/v1/jobs/550e8400-e29b-41d4-a716-446655440000/events?kind=nix", 422),
        ("GET", "/api/v1/jobs/550e8400-e29b-41d4-a716-446655440000/events?limit=0", 422),
        ("POST", "/api/v1/clusters", 422),
        ("POST", "/api/v1/auth/refresh", 422),
    ],
)
async def test_wrong_requests(api: Api, method: str, path: str, status: int) -> None:
    answer = await (await api.admin()).request(method, path)

    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("errors" in problem) == (status == 422)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("body", [b"", b"{", b"nix", b'{"a": 1', b"\xff\xfe", b'{"name": "\\ud800"}'])
async def test_a_body_that_is_no_json(api: Api, body: bytes) -> None:
    answer = await (await api.admin()).post(
        "/api/v1/clusters", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == (400 if body else 422)


@pytest.mark.parametrize("body", [b"[]", b"3", b"null", b'"text"'])
async def test_json_that_is_no_object(api: Api, body: bytes) -> None:
    answer = await (await api.admin()).post("/api/v1/clusters", content=body)

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "body", "message": "must be an object"}]


async def test_another_media_type(api: Api) -> None:
    answer = await (await api.admin()).post(
        "/api/v1/clusters", content=b"a: 1", headers={"Content-Type": "application/yaml"}
    )

    assert answer.status_code == 415


async def test_a_body_over_the_limit(api: Api) -> None:
    client = await api.admin()
    whole = await client.post("/api/v1/clusters", content=b" " * (4 * 1024 * 1024 + 1))

    async def pieces():
        for _ in range(5):
            yield b" " * 1024 * 1024

    streamed = await client.post("/api/v1/clusters", content=pieces())

    assert (whole.status_code, streamed.status_code) == (413, 413)
    assert whole.headers["content-type"] == "application/problem+json"


async def test_who_asks_is_decided_before_what_is_asked(api: Api) -> None:
    anonymous = await api.anonymous().post("/api/v1/clusters", content=b"{")
    viewer = await (await api.account(Role.VIEWER)).post("/api/v1/clusters", content=b"{")

    assert (anonymous.status_code, viewer.status_code) == (401, 403)


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "<script>"])
async def test_a_correlation_id_that_does_not_fit_is_replaced(api: Api, given: str) -> None:
    answer = await api.anonymous().get("/health", headers={"X-Request-ID": given})

    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 36


async def test_security_headers_are_everywhere(api: Api) -> None:
    for path in ("/health", "/nix", "/api/v1/clusters", "/docs"):
        headers = (await api.anonymous().get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "content-security-policy" in headers
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("allowed", "origin", "answered"),
    [
        ("", "https://a.example", None),
        ("https://a.example", "https://a.example", "https://a.example"),
        ("https://a.example", "https://b.example", None),
        ("*", "https://b.example", "*"),
    ],
)
async def test_other_origins_are_let_in_only_by_name(
    database_url: str, allowed: str, origin: str, answered: str | None
) -> None:
    async with serving(settings(database_url, allowed_origins=allowed)) as api:
        headers = (await api.anonymous().get("/health", headers={"Origin": origin})).headers

    assert headers.get("access-control-allow-origin") == answered
    assert "access-control-allow-credentials" not in headers or allowed != "*"


async def test_a_refused_secret_is_not_repeated(api: Api) -> None:
    body = cluster_body(ssh_config={"username": "root", "auth_method": "password", "password": "canary\n"})

    answer = await (await api.admin()).post("/api/v1/clusters", json=body)

    assert answer.status_code == 422
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        (
            "type=nix",
            "type",
            "must be one of: provision, deprovision, plan, verify, harden, scan, rotate-encryption-key",
        ),
        ("status_filter=nix", "status_filter", "must be one of: queued, running, success, failed, cancelled"),
        ("page=0", "page", "must be at least 1"),
        ("page=two", "page", "must be a whole number"),
        ("page_size=101", "page_size", "must be at most 100"),
        (
            "status=failed",
            "status",
            "is not a known query parameter; there are: "
            "cluster_id, page, page_size, search, sort, status_filter, type",
        ),
    ],
)
async def test_a_wrong_filter_is_named_as_the_caller_named_it(
    api: Api, query: str, field: str, message: str
) -> None:
    answer = await (await api.admin()).get(f"/api/v1/jobs?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": field, "message": message}]


async def test_a_member_that_takes_a_word_or_a_list_says_so(api: Api) -> None:
    path = "/api/v1/jobs/550e8400-e29b-41d4-a716-446655440000/retry"
    answer = await (await api.admin()).post(path, json={"hosts": 5})

    assert answer.json()["errors"] == [
        {"field": "hosts", "message": "must be one of: failed, all, or a list"}
    ]
