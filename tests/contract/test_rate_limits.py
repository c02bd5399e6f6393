"""Limits per address before a login, per account after it; logins have a bucket of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from api.layers import rate_limits
from engine.domain.errors import MisconfiguredServer
from engine.domain.statuses import Role
from engine.services.settings import Settings
from tests.contract.harness import ADMIN, Api, serving, settings
from tests.standins import redis_server


@contextlib.asynccontextmanager
async def other_process(used: Settings) -> AsyncIterator[str]:
    """The URL of a server in a process of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    values = {field.encode_name: getattr(used, field.name) for field in msgspec.structs.fields(Settings)}
    environment = {name: str(value) for name, value in values.items() if value not in ("", False)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "engine.processes", "api", "--port", str(port), env=os.environ | environment
    )
    try:
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while process.returncode is None:
                with contextlib.suppress(httpx.TransportError):
                    await client.get(f"http://127.0.0.1:{port}/health")
                    break
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def spend(client: httpx.AsyncClient, count: int, path: str = "/") -> list[int]:
    return [(await client.get(path)).status_code for _ in range(count)]


async def fail_logins(api: Api, count: int) -> list[httpx.Response]:
    client = api.anonymous()
    body = {"username": "nobody@example.local", "password": "wrong"}
    return [await client.post("/api/v1/auth/login", data=body) for _ in range(count)]


async def test_api_calls_never_use_up_logins_nor_logins_api_calls(database_url: str) -> None:
    used = settings(database_url, rate_limit_per_minute=5, auth_rate_limit_per_minute=3)
    async with serving(used) as api:
        assert await spend(api.anonymous(), 6) == [200] * 5 + [429]
        answers = await fail_logins(api, 4)

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert set(answers[-1].json()) == {"type", "title", "status", "detail", "correlation_id"}


async def test_the_login_limit_leaves_the_api_open(database_url: str) -> None:
    async with serving(settings(database_url, rate_limit_per_minute=5, auth_rate_limit_per_minute=1)) as api:
        await fail_logins(api, 2)

        assert await spend(api.anonymous(), 5) == [200] * 5


async def test_accounts_behind_one_address_do_not_starve_each_other(database_url: str) -> None:
    async with serving(settings(database_url, rate_limit_per_minute=3)) as api:
        admin, viewer = await api.admin(), await api.account(Role.VIEWER)
        path = "/api/v1/clusters"

        assert await spend(admin, 4, path) == [200, 200, 200, 429]
        assert await spend(viewer, 4, path) == [200, 200, 200, 429]
        assert await spend(api.anonymous(), 4) == [200, 200, 200, 429]


async def test_the_hour_limits_as_well_as_the_minute(database_url: str) -> None:
    async with serving(settings(database_url, rate_limit_per_minute=100, rate_limit_per_hour=2)) as api:
        client = api.anonymous()
        assert await spend(client, 3) == [200, 200, 429]
        refused = await client.get("/")

    assert int(refused.headers["retry-after"]) > 60


async def test_health_and_measurements_are_not_limited(database_url: str) -> None:
    async with serving(settings(database_url, rate_limit_per_minute=1)) as api:
        assert await spend(api.anonymous(), 5, "/health") == [200] * 5
        assert await spend(api.anonymous(), 5, "/metrics") == [200] * 5


async def test_forwarded_addresses_are_believed_from_trusted_proxies_only(database_url: str) -> None:
    async with serving(settings(database_url, rate_limit_per_minute=1)) as api:
        statuses = [
            (await api.anonymous().get("/", headers={"X-Forwarded-For": address})).status_code
            for address in ("198.51.100.1", "198.51.100.2")
        ]
    trusting = settings(database_url, rate_limit_per_minute=1, trusted_proxy_cidrs="127.0.0.0/8")
    async with serving(trusting) as api:
        trusted = [
            (await api.anonymous().get("/", headers={"X-Forwarded-For": f"{address}, 127.0.0.9"})).status_code
            for address in ("198.51.100.1", "198.51.100.2")
        ]
        metrics = await api.anonymous().get("/metrics", headers={"X-Forwarded-For": "198.51.100.1"})

    assert statuses == [200, 429]
    assert trusted == [200, 200]
    assert metrics.status_code == 401


@pytest.mark.parametrize(
    "wrong", [{"redis_url": "http://localhost"}, {"metrics_cidrs": "nix"}, {"encryption_key": "short"}]
)
async def test_settings_that_cannot_be_honoured_stop_the_server(
    database_url: str, wrong: dict[str, str]
) -> None:
    with pytest.raises(MisconfiguredServer):
        async with serving(settings(database_url, **wrong)):
            pass


async def test_without_a_database_the_server_does_not_start() -> None:
    with pytest.raises(MisconfiguredServer, match="DATABASE_URL"):
        async with serving(settings("")):
            pass


async def test_the_first_password_is_made_up_and_shown_once(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    used = settings(database_url, admin_password="")
    async with serving(used) as api:
        shown = capsys.readouterr().err
        password = shown.split("shown once): ")[1].splitlines()[0]
        assert (await api.login(password=password))["user"]["email"] == ADMIN
    async with serving(used):
        assert "shown once" not in capsys.readouterr().err


async def test_two_api_processes_share_their_limits(database_url: str) -> None:
    with redis_server.running() as redis:
        used = settings(database_url, rate_limit_per_minute=4, redis_url=redis.url)
        async with serving(used) as one, other_process(used) as other:
            first = await spend(one.anonymous(), 3)
            second = [(await one.anonymous().get(f"{other}/")).status_code for _ in range(3)]
            refused = await one.anonymous().get(f"{other}/")

    assert (first, second) == ([200] * 3, [200, 429, 429])
    assert 1 <= int(refused.headers["retry-after"]) <= 60


async def test_the_server_starts_and_limits_without_its_redis(database_url: str) -> None:
    used = settings(database_url, rate_limit_per_minute=2, redis_url="unix:///nonexistent/redis.sock")
    async with serving(used) as api:
        assert await spend(api.anonymous(), 3) == [200, 200, 429]


async def test_a_refusal_is_audited_once_a_window(database_url: str) -> None:
    async with serving(settings(database_url, rate_limit_per_minute=2)) as api:
        await spend(api.anonymous(), 6)
        admin = await api.admin()
        entries = (await admin.get("/api/v1/audit-logs", params={"action": "rate-limit:exceed"})).json()

    assert [(entry["address"], entry["status"], entry["resource_name"]) for entry in entries["data"]] == [
        ("127.0.0.1", "refused", "/")
    ]


@pytest.mark.parametrize(
    ("path", "bucket"),
    [
        ("/api/v1/auth/login", "login:provisioner"),
        ("/api/v1//auth/login/", "login:provisioner"),
        ("/api/v1/auth/refresh", "login:provisioner"),
        ("/control-plane/auth/login", "login:control-plane"),
        ("/control-plane/auth/password-reset/request", "login:control-plane"),
        ("/control-plane/staff/me", None),
        ("/health", None),
        ("/metrics", None),
        ("/px-backup/metrics", None),
        ("/api/v0/live", None),
        ("/px-backup/api/v1/clusters", "px-backup"),
        ("/api/v1/clusters", "general"),
        ("/healthy", "general"),
        ("/", "general"),
    ],
)
def test_which_limit_holds_where(path: str, bucket: str | None) -> None:
    rule = rate_limits.rule_of(path)

    assert (rule.name if rule else None) == bucket
