"""Sign-ins that outlive a run, against the real API: shared by processes, renewed by one at a time."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from engine.domain.statuses import Role
from tests.contract import harness
from tui import errors
from tui.client import Client
from tui.token_store import TokenStore

RENEW_MANY_TIMES = """
import asyncio, sys
from tui.client import Client
from tui.token_store import TokenStore

async def main(url, times):
    client = Client(url, token_store=TokenStore.for_profile("prod"))
    await client.resume()
    for _ in range(int(times)):
        client._renew_at = 0.0
        await client.clusters()
    await client.close()
    print(client.user.email)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def client(server: harness.Api) -> AsyncIterator[Client]:
    """Signed in, and kept."""
    made = kept_client(server)
    await made.sign_in(harness.ADMIN, harness.PASSWORD)
    yield made
    await made.close()


def kept_client(server: harness.Api) -> Client:
    return Client(server.url, token_store=TokenStore.for_profile("prod"))


async def test_a_kept_sign_in_is_resumed_and_a_read_only_one_changes_nothing(
    server: harness.Api, client: Client
):
    await client.leave()
    again = Client(server.url, token_store=TokenStore.for_profile("prod"), read_only=True)

    user = await again.resume()

    assert user is not None
    assert user.email == harness.ADMIN
    with pytest.raises(errors.Refused, match="read-only"):
        await again.cancel("1f3b7e0e-0000-4000-8000-000000000000")
    assert (await again.clusters()).total == 0
    await again.close()


async def test_processes_that_share_a_sign_in_never_use_a_token_twice(
    server: harness.Api,
    client: Client,
):
    command = [sys.executable, "-c", RENEW_MANY_TIMES, server.url, "8"]
    pipe = asyncio.subprocess.PIPE
    others = [
        await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=os.environ)
        for _ in range(2)
    ]
    for _ in range(4):
        client._renew_at = 0.0
        await client.clusters()
    told = [await other.communicate() for other in others]

    assert [(out.decode().strip(), err.decode()) for out, err in told] == [(harness.ADMIN, "")] * 2
    client._renew_at = 0.0
    assert (await client.clusters()).total == 0


async def test_signing_out_revokes_forgets_and_is_noticed_elsewhere(
    server: harness.Api,
    client: Client,
):
    elsewhere = kept_client(server)
    await elsewhere.resume()
    refresh_token = TokenStore.for_profile("prod").load()

    await client.sign_out()

    assert TokenStore.for_profile("prod").load() is None
    with pytest.raises(errors.SessionEnded, match="another terminal"):
        await elsewhere.clusters()
    replayed = await server.anonymous().post("/api/v1/auth/refresh", json={"refresh_token": refresh_token})
    assert replayed.status_code == 401
    await elsewhere.close()


async def test_a_renewal_runs_to_its_end_although_nobody_waits_for_it(client: Client):
    client._renew_at = 0.0
    asking = asyncio.create_task(client.clusters())
    while client._renewal is None:  # noqa: ASYNC110  nobody tells
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    assert (await client.clusters()).total == 0


async def test_somebody_else_who_takes_the_profile_over_does_not_become_me(
    server: harness.Api,
    client: Client,
):
    await server.account(Role.VIEWER, "vera@example.local")
    other = kept_client(server)
    await other.sign_in("vera@example.local", harness.PASSWORD)

    client._renew_at = 0.0
    await client.clusters()
    await client.sign_out()

    assert not client.is_kept
    assert TokenStore.for_profile("prod").load() is not None
    other._renew_at = 0.0
    assert (await other.clusters()).total == 0
    assert other.user is not None
    assert other.user.email == "vera@example.local"
    await other.close()


async def test_a_token_is_never_shown_to_another_server(client: Client):
    elsewhere = Client("http://127.0.0.1:9", token_store=TokenStore.for_profile("prod"))

    assert await elsewhere.resume() is None
    assert TokenStore.for_profile("prod").load() is not None
    assert client.is_kept
    await elsewhere.close()


async def test_a_sign_in_that_has_ended_is_forgotten(server: harness.Api, client: Client):
    kept = TokenStore.for_profile("prod")
    token = kept.load()
    body = {"refresh_token": token}
    for _ in range(2):  # somebody else used the token: reuse ends the session
        await server.anonymous().post("/api/v1/auth/refresh", json=body)

    again = kept_client(server)
    with pytest.raises(errors.SessionEnded):
        await again.resume()
    await again.close()

    assert kept.load() is None
