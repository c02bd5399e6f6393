"""/api/v1/users: administrators list, make, change and delete users, and cannot shut everybody out."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from engine.domain.statuses import Role
from tests.contract.harness import ADMIN, PASSWORD, Api

USERS = "/api/v1/users"
USER = {"id", "email", "full_name", "role", "enabled", "created_at", "updated_at"}
NEW = {"email": "Vera@Example.local", "password": PASSWORD, "full_name": "Vera  Vale", "role": "operator"}


async def make(admin: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await admin.post(USERS, json=NEW | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def own_id(client: httpx.AsyncClient) -> str:
    return (await client.get("/api/v1/auth/me")).json()["id"]


async def test_a_user_is_made_shown_changed_and_deleted(any_api: Api) -> None:
    admin = await any_api.admin()
    made = await make(admin)
    place = f"{USERS}/{made['id']}"

    shown = (await admin.get(place)).json()
    changed = await admin.put(place, json={"role": "viewer", "full_name": "V. Vale"})
    logged_in = await any_api.login("vera@example.local")
    deleted = await admin.delete(place)

    assert set(made) == USER
    assert (made["email"], made["full_name"], made["role"], made["enabled"]) == (
        "vera@example.local",
        "Vera Vale",
        "operator",
        True,
    )
    assert shown == made
    assert (changed.status_code, changed.json()["role"], changed.json()["full_name"]) == (
        200,
        "viewer",
        "V. Vale",
    )
    assert changed.json()["updated_at"] > made["updated_at"]
    assert changed.json()["created_at"] == made["created_at"]
    assert logged_in["user"]["role"] == "viewer"
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await admin.get(place)).status_code == 404
    assert (await admin.delete(place)).status_code == 404


async def test_the_answer_to_a_create_says_where_it_is_and_is_given_twice_for_one_key(api: Api) -> None:
    admin = await api.admin()

    first, second = [
        await admin.post(USERS, json=NEW, headers={"Idempotency-Key": "make-vera"}) for _ in range(2)
    ]

    assert first.headers["location"] == f"{USERS}/{first.json()['id']}"
    assert (second.status_code, second.json()) == (201, first.json())
    assert PASSWORD not in second.text


async def test_users_are_paged_and_filtered(any_api: Api) -> None:
    admin = await any_api.admin()
    for number in range(3):
        await make(admin, email=f"user-{number}@example.local", role="viewer", enabled=number != 1)

    async def listed(**query: Any) -> list[str]:
        answer = await admin.get(USERS, params=query)
        assert answer.status_code == 200, answer.text
        return [user["email"].partition("@")[0] for user in answer.json()["data"]]

    page = (await admin.get(USERS, params={"page_size": 3, "page": 2})).json()
    assert {name: page[name] for name in ("total", "page", "page_size", "total_pages")} == {
        "total": 4,
        "page": 2,
        "page_size": 3,
        "total_pages": 2,
    }
    assert [user["email"] for user in page["data"]] == ["user-2@example.local"]
    assert await listed() == ["admin", "user-0", "user-1", "user-2"]
    assert await listed(role="admin") == ["admin"]
    assert await listed(enabled="false") == ["user-1"]
    assert await listed(search="USER-2") == ["user-2"]
    assert await listed(search="vale", role="viewer", enabled="true") == ["user-0", "user-2"]
    assert await listed(search="50%_") == []
    assert (await admin.get(USERS, params={"role": "god"})).status_code == 422
    assert (await admin.get(USERS, params={"rolle": "admin"})).status_code == 422


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"email": "nix"}, ["email"]),
        ({"email": "a b@example.local"}, ["email"]),
        ({"password": "Short1!"}, ["password"]),
        ({"password": "L" + "o1!" * 43}, ["password"]),
        ({"password": "no-upper-case-1"}, ["password"]),
        ({"password": "No-digit-in-here"}, ["password"]),
        ({"password": "NoSpecial1234"}, ["password"]),
        ({"role": "god"}, ["role"]),
        ({"full_name": "x" * 201}, ["full_name"]),
        ({"full_name": "Bell\u0007"}, ["full_name"]),
        ({"email": "nix", "full_name": "x" * 201}, ["email", "full_name"]),
        ({"id": str(uuid.uuid4())}, ["id"]),
        ({"password_hash": "x", "roles": ["admin"]}, ["password_hash", "roles"]),
        ({"enabled": "yes"}, ["enabled"]),
    ],
)
async def test_a_wrong_user_names_the_member_and_makes_nobody(
    api: Api, changes: dict[str, Any], fields: list[str]
) -> None:
    admin = await api.admin()

    answer = await admin.post(USERS, json=NEW | changes)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == fields
    assert (await admin.get(USERS)).json()["total"] == 1


async def test_a_taken_address_is_a_conflict_whatever_its_case(any_api: Api) -> None:
    admin = await any_api.admin()
    made = await make(admin)
    other = await make(admin, email="olga@example.local")

    again = await admin.post(USERS, json=NEW | {"email": "VERA@example.LOCAL"})
    moved = await admin.put(f"{USERS}/{other['id']}", json={"email": "vera@example.local"})
    same = await admin.put(f"{USERS}/{made['id']}", json={"email": "VERA@example.local"})

    assert [answer.status_code for answer in (again, moved, same)] == [409, 409, 200]


async def test_the_last_administrator_stays_and_nobody_shuts_himself_out(any_api: Api) -> None:
    admin = await any_api.admin()
    mine = f"{USERS}/{await own_id(admin)}"
    other_client = await any_api.account(Role.ADMIN, "anna@example.local")
    other = f"{USERS}/{await own_id(other_client)}"

    himself = [
        (await admin.put(mine, json={"enabled": False})).status_code,
        (await admin.delete(mine)).status_code,
    ]
    assert (await admin.put(mine, json={"role": "viewer"})).status_code == 200  # another one is left
    last = [
        (await other_client.put(other, json={"role": "operator"})).status_code,
        (await other_client.put(other, json={"enabled": False})).status_code,
        (await other_client.delete(other)).status_code,
    ]

    assert himself == [409, 409]
    assert last == [409, 409, 409]
    assert (await other_client.get(other)).json()["role"] == "admin"


async def test_of_two_administrators_who_demote_each_other_at_once_one_stays(any_api: Api) -> None:
    first, second = await any_api.admin(), await any_api.account(Role.ADMIN, "anna@example.local")
    one, two = await own_id(first), await own_id(second)

    answers = await asyncio.gather(
        first.put(f"{USERS}/{two}", json={"role": "viewer"}),
        second.put(f"{USERS}/{one}", json={"role": "viewer"}),
    )

    assert 409 in [answer.status_code for answer in answers] or 401 in [a.status_code for a in answers]
    assert len(await any_api.users.directory.enabled_admins()) == 1


@pytest.mark.parametrize(
    "change", [{"enabled": False}, {"role": "viewer"}, {"password": "Another-good-password-2"}, None]
)
async def test_who_is_disabled_demoted_deleted_or_given_a_password_has_to_log_in_again(
    any_api: Api, change: dict[str, Any] | None
) -> None:
    admin = await any_api.admin()
    client = await any_api.account(Role.OPERATOR, "olga@example.local")
    place = f"{USERS}/{await own_id(client)}"  # so that the session is remembered by the server
    refresh_token = (await any_api.login("olga@example.local"))["refresh_token"]

    answer = await (admin.delete(place) if change is None else admin.put(place, json=change))

    assert answer.is_success, answer.text
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": refresh_token})
    assert ((await client.get("/api/v1/auth/me")).status_code, refreshed.status_code) == (401, 401)


async def test_another_name_leaves_the_session(any_api: Api) -> None:
    admin = await any_api.admin()
    client = await any_api.account(Role.VIEWER, "vera@example.local")

    answer = await admin.put(f"{USERS}/{await own_id(client)}", json={"full_name": "Vera"})

    assert answer.status_code == 200
    assert (await client.get("/api/v1/auth/me")).status_code == 200


async def test_changes_and_refusals_are_in_the_audit_log(any_api: Api) -> None:
    admin = await any_api.admin()
    made = await make(admin)
    place = f"{USERS}/{made['id']}"
    await admin.put(place, json={"role": "viewer", "email": "vala@example.local", "enabled": False})
    await admin.put(place, json={"password": "Another-good-password-2"})
    await admin.delete(place)
    await admin.post(USERS, json=NEW | {"password": "secret-nix"})

    entries = (await admin.get("/api/v1/audit-logs", params={"resource": "user", "page_size": 50})).json()

    told = [(entry["action"], entry["resource_name"], entry["status"]) for entry in entries["data"]][:6]
    assert told == [
        ("user:create", "Vera@Example.local", "refused"),
        ("user:delete", "vala@example.local", "success"),
        ("user:set-password", "vala@example.local", "success"),
        ("user:disable", "vala@example.local", "success"),
        ("user:update", "vera@example.local", "success"),
        ("user:create", "vera@example.local", "success"),
    ]
    changed = entries["data"][4]["details"]
    assert changed["roles"] == {"from": ["operator"], "to": ["viewer"]}
    assert "secret-nix" not in str(entries)
    assert {entry["actor"] for entry in entries["data"][:6]} == {ADMIN}
