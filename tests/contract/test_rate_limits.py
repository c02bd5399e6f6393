"""Limits per address before a login, per account after it; logins have a bucket of their own."""

from __future__ import annotations

import httpx
import pytest

from engine.domain.errors import MisconfiguredServer
from engine.domain.statuses import Role
from tests.contract.harness import ADMIN, Api, serving, settings


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
    "wrong", [{"redis_url": "redis://localhost"}, {"metrics_cidrs": "nix"}, {"encryption_key": "short"}]
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
