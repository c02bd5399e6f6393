"""Cookies instead of tokens: for pages of this server, and for nobody else's."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.harness import ADMIN, PASSWORD, Api, cluster_body, serving, settings

PATH = "/api/v1/auth/session"
LOGIN = {"username": ADMIN, "password": PASSWORD}


async def browser(api: Api, **headers: str) -> tuple[httpx.AsyncClient, str]:
    """A client that keeps cookies, and its CSRF token."""
    client = api.anonymous(**headers)
    answer = await client.post(PATH, json=LOGIN)
    assert answer.status_code == 200, answer.text
    return client, answer.json()["csrf_token"]


async def test_a_browser_logs_in_works_and_logs_out(api: Api) -> None:
    client, csrf = await browser(api)
    header = {"X-CSRF-Token": csrf}

    seen = await client.get("/api/v1/auth/me")
    made = await client.post("/api/v1/clusters", json=cluster_body(), headers=header)
    out = await client.delete(PATH, headers=header)
    after = await client.get("/api/v1/auth/me")

    assert (seen.status_code, seen.json()["email"]) == (200, ADMIN)
    assert (made.status_code, out.status_code, after.status_code) == (201, 204, 401)
    assert not client.cookies


async def test_the_tokens_are_out_of_reach_of_scripts_and_other_sites(api: Api) -> None:
    answer = await api.anonymous().post(PATH, json=LOGIN)
    set_cookies = {line.partition("=")[0]: line.lower() for line in answer.headers.get_list("set-cookie")}

    assert set(set_cookies) == {"keelyard_session", "keelyard_refresh", "keelyard_csrf"}
    assert all("samesite=strict" in line for line in set_cookies.values())
    assert "httponly" in set_cookies["keelyard_session"]
    assert "httponly" in set_cookies["keelyard_refresh"]
    assert "path=/api/v1/auth/session/refresh" in set_cookies["keelyard_refresh"]
    assert "httponly" not in set_cookies["keelyard_csrf"]
    assert not any("; secure" in line for line in set_cookies.values())
    assert "token" not in {name for name in answer.json() if name != "csrf_token"}


async def test_a_mutation_needs_the_token_of_the_page(api: Api) -> None:
    client, csrf = await browser(api)
    body = cluster_body()
    nonce, _, signature = csrf.partition(".")
    for headers in (
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x"},
        {"X-CSRF-Token": f"{nonce}."},
        {"X-CSRF-Token": f"{nonce[::-1]}.{signature}"},
        {"X-CSRF-Token": csrf, "Sec-Fetch-Site": "cross-site"},
        {"X-CSRF-Token": csrf, "Sec-Fetch-Site": "same-site"},
    ):
        answer = await client.post("/api/v1/clusters", json=body, headers=headers)
        assert answer.status_code == 403, headers
        assert "X-CSRF-Token" in answer.json()["detail"]
    _, another = await browser(api)
    assert (
        await client.post("/api/v1/clusters", json=body, headers={"X-CSRF-Token": another})
    ).status_code == 403
    right = {"X-CSRF-Token": csrf, "Sec-Fetch-Site": "same-origin"}
    assert (await client.post("/api/v1/clusters", json=body, headers=right)).status_code == 201

    entries = (await client.get("/api/v1/audit-logs", params={"status": "refused"})).json()["data"]
    assert {entry["action"] for entry in entries} == {"cluster:create"}


async def test_a_made_up_token_in_both_places_is_not_enough(api: Api) -> None:
    client, _ = await browser(api)
    client.cookies.delete("keelyard_csrf")
    client.cookies.set("keelyard_csrf", "a.b")

    answer = await client.post("/api/v1/clusters", json=cluster_body(), headers={"X-CSRF-Token": "a.b"})

    assert answer.status_code == 403


async def test_a_session_is_refreshed_by_its_cookie_once(api: Api) -> None:
    client, csrf = await browser(api)
    old = client.cookies["keelyard_refresh"]
    refused = await client.post(f"{PATH}/refresh")
    renewed = await client.post(f"{PATH}/refresh", headers={"X-CSRF-Token": csrf})
    works = await client.get("/api/v1/auth/me")
    client.cookies.clear()
    client.cookies.set("keelyard_refresh", old)
    client.cookies.set("keelyard_csrf", csrf)
    replayed = await client.post(f"{PATH}/refresh", headers={"X-CSRF-Token": csrf})

    assert (refused.status_code, renewed.status_code, works.status_code) == (403, 200, 200)
    assert renewed.json()["csrf_token"] == csrf
    assert replayed.status_code == 401
    assert (await api.anonymous().post(f"{PATH}/refresh")).status_code == 401


async def test_a_page_of_another_site_cannot_log_its_visitor_in(api: Api) -> None:
    answer = await api.anonymous().post(PATH, data=LOGIN, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "cookie", ["keelyard_session=", "keelyard_session=x", "=;;=", 'keelyard_session="\\']
)
async def test_cookies_that_are_none(api: Api, cookie: str) -> None:
    assert (await api.anonymous(Cookie=cookie).get("/api/v1/clusters")).status_code == 401


async def test_a_bearer_token_needs_no_other(api: Api) -> None:
    client, _ = await browser(api)
    token = (await api.login())["access_token"]

    answer = await client.post(
        "/api/v1/clusters", json=cluster_body(), headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 201


@pytest.mark.parametrize(("trusted", "strict"), [("127.0.0.0/8", True), ("", False), ("192.0.2.0/24", False)])
async def test_behind_a_trusted_proxy_with_tls_browsers_are_told_to_stay_there(
    database_url: str, trusted: str, strict: bool
) -> None:
    async with serving(settings(database_url, trusted_proxy_cidrs=trusted)) as api:
        answer = await api.anonymous().post(PATH, json=LOGIN, headers={"X-Forwarded-Proto": "https"})
        plain = await api.anonymous().get("/health")

    assert ("strict-transport-security" in answer.headers) is strict
    assert all(("secure" in line.lower()) is strict for line in answer.headers.get_list("set-cookie"))
    assert "strict-transport-security" not in plain.headers


async def test_the_documentation_pages_load_nothing_from_elsewhere(api: Api) -> None:
    client = api.anonymous()
    for path in ("/docs", "/redoc"):
        page = await client.get(path)
        assert "https://" not in page.text
        assert "https:" not in page.headers["content-security-policy"]
        assert "'unsafe-inline'" not in page.headers["content-security-policy"].partition("style-src")[0]
    for path, kind in (
        ("/docs/start.js", "text/javascript"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/redoc/redoc.standalone.js", "text/javascript"),
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
