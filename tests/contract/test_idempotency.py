"""`Idempotency-Key`: repeated, mismatched, under way, refused."""

from __future__ import annotations

import asyncio

from engine.domain.statuses import Role
from engine.store import database, locks
from tests.contract.harness import Api, cluster_body

KEY = {"Idempotency-Key": "k-1"}


async def test_the_same_request_is_done_once_and_answered_twice(api: Api) -> None:
    client = await api.admin()

    first = await client.post("/api/v1/clusters", json=cluster_body(), headers=KEY)
    second = await client.post("/api/v1/clusters", json=cluster_body(), headers=KEY)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert (await client.get("/api/v1/jobs")).json()["total"] == 1


async def test_another_body_or_path_under_the_key_is_refused(api: Api) -> None:
    client = await api.admin()
    await client.post("/api/v1/clusters", json=cluster_body(), headers=KEY)

    body = await client.post("/api/v1/clusters", json=cluster_body("yard-2"), headers=KEY)
    path = await client.post("/api/v1/clusters/yard-1/provision", headers=KEY)

    assert (body.status_code, path.status_code) == (422, 422)


async def test_keys_of_two_accounts_do_not_meet(api: Api) -> None:
    admin, operator = await api.admin(), await api.account(Role.OPERATOR)

    one = await admin.post("/api/v1/clusters", json=cluster_body(), headers=KEY)
    other = await operator.post(
        "/api/v1/clusters", json=cluster_body("yard-2", network="198.51.100"), headers=KEY
    )

    assert (one.status_code, other.status_code) == (201, 201)


async def test_a_request_under_way_is_a_conflict(api: Api) -> None:
    client = await api.admin()
    account = (await client.get("/api/v1/auth/me")).json()["id"]
    async with database.transaction():
        assert await locks.try_until_commit(f"keelyard:idempotency:{account}:k-1")

        answer = await client.post("/api/v1/clusters", json=cluster_body(), headers=KEY)

    assert answer.status_code == 409
    assert (await client.post("/api/v1/clusters", json=cluster_body(), headers=KEY)).status_code == 201


async def test_of_many_at_once_one_does_the_work(api: Api) -> None:
    client = await api.admin()
    await client.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))

    answers = await asyncio.gather(
        *(client.post("/api/v1/clusters/yard-1/provision", headers=KEY) for _ in range(6))
    )

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["job_id"] for answer in answers if answer.status_code == 202}) == 1
    assert (await client.get("/api/v1/jobs")).json()["total"] == 1


async def test_a_refused_request_leaves_the_key_free(api: Api) -> None:
    client = await api.admin()
    refused = await client.post("/api/v1/clusters", json=cluster_body("No Name"), headers=KEY)

    mended = await client.post("/api/v1/clusters", json=cluster_body(), headers=KEY)

    assert (refused.status_code, mended.status_code) == (422, 201)


async def test_a_key_must_be_printable(api: Api) -> None:
    answer = await (await api.admin()).post(
        "/api/v1/clusters", json=cluster_body(), headers={"Idempotency-Key": "x" * 256}
    )

    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
