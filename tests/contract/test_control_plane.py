"""/control-plane: login, staff and tenants as the contract documents them, and its errors."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import structlog

from engine.domain.statuses import Role
from engine.services.identity import Caller
from tests.contract.control_plane import LOGIN, ME, TIME, data, refused, signed_in
from tests.contract.harness import ADMIN, CANARY, PASSWORD, Api
from tests.contract.test_canaries import everything

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


async def test_a_login_gives_a_token_and_tells_whose_it_is(any_api: Api) -> None:
    api = any_api
    session = data(await api.anonymous().post(LOGIN, json={"email": ADMIN.upper(), "password": PASSWORD}))

    assert set(session) == {"token", "staff"}
    assert set(session["staff"]) == {"staff_id", "email", "roles", "enabled"}
    assert uuid.UUID(session["staff"]["staff_id"]).version == 4
    assert (session["staff"]["email"], session["staff"]["roles"]) == (ADMIN, ["admin"])
    assert session["staff"]["enabled"] is True
    client = api.anonymous(Authorization=f"Bearer {session['token']}")
    assert data(await client.get(ME))["staff_id"] == session["staff"]["staff_id"]
    # One identity: the token holds on the other surfaces, and theirs holds here.
    assert (await client.get("/api/v1/auth/me")).json()["email"] == ADMIN
    assert data(await (await api.admin()).get(ME))["email"] == ADMIN


async def test_a_login_body_that_does_not_fit_is_400(api: Api) -> None:
    wrong: list[tuple[Any, str]] = [
        ({"email": "user@example.com"}, "password"),
        ({"password": "Password123!"}, "email"),
        ({"email": "no address", "password": "Password123!"}, "email"),
        ({"email": "user@example.com", "password": ""}, "password"),
        ({"email": 1, "password": "Password123!"}, "email"),
        ({"email": "user@example.com", "password": "x", "admin": True}, "admin"),
        ([], "body"),
    ]
    client = api.anonymous()

    for body, field in wrong:
        message = refused(await client.post(LOGIN, json=body), 400, "ValidationError")
        assert message.startswith(f"{field}: ")


async def test_wrong_password_unknown_account_and_disabled_account_are_401(any_api: Api) -> None:
    api = any_api
    await api.account(Role.OPERATOR, "olga@example.local")
    olga = await api.users.find("olga@example.local")
    await api.users.set_enabled(olga.id, Caller(), enabled=False)
    client = api.anonymous()

    async def told(email: str, password: str) -> str:
        answer = await client.post(LOGIN, json={"email": email, "password": password})
        return refused(answer, 401, "Unauthorized")

    wrong = await told(ADMIN, "wrong-wrong-wrong")
    unknown = await told("nobody@example.local", "wrong-wrong-wrong")
    guessed = await told("olga@example.local", "wrong-wrong-wrong")
    disabled = await told("olga@example.local", PASSWORD)

    assert wrong == unknown == guessed != disabled


async def test_roles_have_the_names_of_this_contract(api: Api) -> None:
    admin = await signed_in(api, ADMIN)
    body = NEWCOMER | {"roles": ["staff", "manager", "admin"]}
    data(await admin.post(REGISTER, json=body), 201)

    session = data(await api.anonymous().post(LOGIN, json={k: body[k] for k in ("email", "password")}))
    operator = await (await api.account(Role.OPERATOR)).get(ME)
    viewer = await (await api.account(Role.VIEWER)).get(ME)

    assert session["staff"]["roles"] == ["admin", "manager", "staff"]
    assert (data(operator)["roles"], data(viewer)["roles"]) == (["manager"], ["staff"])


# -- staff --


async def test_the_own_profile(api: Api) -> None:
    profile = data(await (await signed_in(api, ADMIN)).get(ME))

    assert set(profile) == {"staff_id", "email", "roles", "enabled", "created_at", "updated_at"}
    assert (profile["email"], profile["roles"], profile["enabled"]) == (ADMIN, ["admin"], True)
    assert TIME.fullmatch(profile["created_at"])
    assert TIME.fullmatch(profile["updated_at"])


async def test_a_profile_without_a_good_token_is_401(api: Api) -> None:
    none = await api.anonymous().get(ME)
    forged = await api.anonymous(Authorization="Bearer nix").get(ME)
    client = await api.admin()
    await client.post("/api/v1/auth/logout")

    for answer in (none, forged, await client.get(ME)):
        refused(answer, 401, "Unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_profile_of_a_disabled_account_is_403_and_of_a_deleted_one_404(any_api: Api) -> None:
    api = any_api
    client = await api.account(Role.OPERATOR, "olga@example.local")
    olga = await api.users.find("olga@example.local")
    data(await client.get(ME))

    await api.users.set_enabled(olga.id, Caller(), enabled=False)
    refused(await client.get(ME), 403, "Forbidden")
    await api.users.delete(olga.id, Caller())
    refused(await client.get(ME), 404, "NotFound")


async def test_an_administrator_registers_staff_that_can_log_in(any_api: Api) -> None:
    api = any_api
    admin = await signed_in(api, ADMIN)

    made = data(await admin.post(REGISTER, json=NEWCOMER | {"email": "NewStaff@Example.com"}), 201)

    assert set(made) == {"staff_id", "email", "roles", "enabled", "created_at"}
    assert (made["email"], made["roles"], made["enabled"]) == ("newstaff@example.com", ["staff"], True)
    assert TIME.fullmatch(made["created_at"])
    newcomer = await signed_in(api, NEWCOMER["email"], NEWCOMER["password"])
    assert data(await newcomer.get(ME))["staff_id"] == made["staff_id"]
    assert (await admin.get(f"/api/v1/users/{made['staff_id']}")).json()["role"] == "viewer"
    refused(await admin.post(REGISTER, json=NEWCOMER), 409, "Conflict")


async def test_a_registration_is_done_once_per_idempotency_key(api: Api) -> None:
    admin = await signed_in(api, ADMIN)
    key = {"Idempotency-Key": "once"}

    first = await admin.post(REGISTER, json=NEWCOMER, headers=key)
    again = await admin.post(REGISTER, json=NEWCOMER, headers=key)
    other = await admin.post(REGISTER, json=NEWCOMER | {"roles": ["admin"]}, headers=key)

    assert data(first, 201) == data(again, 201)
    refused(other, 400, "ValidationError")


async def test_a_registration_that_does_not_fit_names_every_field(api: Api) -> None:
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({"email": "newstaff"}, ["email"]),
        ({"email": "new staff@example.com"}, ["email"]),
        ({"password": "Short1!"}, ["password"]),
        ({"password": "Aa1!" * 33}, ["password"]),
        ({"password": "no-upper-case-1"}, ["password"]),
        ({"password": "NO-LOWER-CASE-1"}, ["password"]),
        ({"password": "No-Digit-At-All"}, ["password"]),
        ({"password": "NoSpecialCharacter1"}, ["password"]),
        ({"roles": []}, ["roles"]),
        ({"roles": ["operator"]}, ["roles"]),
        ({"roles": "staff"}, ["roles"]),
        ({"roles": None}, ["roles"]),
        ({"email": "x", "password": "x", "roles": []}, ["email", "password", "roles"]),
        ({"enabled": False}, ["enabled"]),
    ]
    admin = await signed_in(api, ADMIN)

    for change, fields in wrong:
        message = refused(await admin.post(REGISTER, json=NEWCOMER | change), 400, "ValidationError")
        assert [part.partition(":")[0].partition(".")[0] for part in message.split("; ")] == fields


async def test_an_account_is_disabled_and_enabled_again(any_api: Api) -> None:
    api = any_api
    admin = await signed_in(api, ADMIN)
    member = await api.account(Role.VIEWER, "vera@example.local")
    body = {"staff_id": data(await member.get(ME))["staff_id"]}

    off = data(await admin.post("/control-plane/staff/disable", json=body))
    refused(await member.get(ME), 403, "Forbidden")
    on = data(await admin.post("/control-plane/staff/enable", json=body))

    assert off == {"message": "Staff account disabled successfully", **body}
    assert on == {"message": "Staff account enabled successfully", **body}
    # The old session has ended for good; a new login works.
    refused(await member.get(ME), 401, "Unauthorized")
    data(await (await signed_in(api, "vera@example.local")).get(ME))


@pytest.mark.parametrize("path", ["/control-plane/staff/enable", "/control-plane/staff/disable"])
async def test_switching_an_account_that_is_not_there_or_no_id(api: Api, path: str) -> None:
    admin = await signed_in(api, ADMIN)

    refused(await admin.post(path, json={"staff_id": NOBODY}), 404, "NotFound")
    for wrong in ("nix", "", "00000000-0000-0000-0000-000000000001", "{" + NOBODY + "}", NOBODY + "0"):
        refused(await admin.post(path, json={"staff_id": wrong}), 400, "ValidationError")
    refused(await admin.post(path, json={}), 400, "ValidationError")


async def test_nobody_disables_the_own_account(api: Api) -> None:
    admin = await signed_in(api, ADMIN)
    own = data(await admin.get(ME))["staff_id"]

    refused(await admin.post("/control-plane/staff/disable", json={"staff_id": own}), 409, "Conflict")


async def test_only_administrators_manage_staff(api: Api) -> None:
    manager, member = await api.account(Role.OPERATOR), await api.account(Role.VIEWER)
    bodies = {"register": NEWCOMER, "enable": {"staff_id": NOBODY}, "disable": {"staff_id": NOBODY}}

    for name, body in bodies.items():
        path = f"/control-plane/staff/{name}"
        refused(await api.anonymous().post(path, json=body), 401, "Unauthorized")
        refused(await manager.post(path, json=body), 403, "Forbidden")
        refused(await member.post(path, json=body), 403, "Forbidden")


async def test_deeds_and_refusals_are_audited(api: Api) -> None:
    admin = await signed_in(api, ADMIN)
    made = data(await admin.post(REGISTER, json=NEWCOMER), 201)["staff_id"]
    await admin.post(REGISTER, json=NEWCOMER)
    await admin.post("/control-plane/staff/disable", json={"staff_id": made})
    await admin.post("/control-plane/staff/enable", json={"staff_id": made})
    await api.anonymous().post(LOGIN, json={"email": "eve@example.com", "password": "x"})
    await (await api.account(Role.VIEWER, "vera@example.local")).post(REGISTER, json=NEWCOMER)

    entries = (await admin.get("/api/v1/audit-logs")).json()["data"]

    told = [(entry["actor"], entry["action"], entry["resource_name"], entry["status"]) for entry in entries]
    assert [each for each in told if each[1:3] != ("session:login", "vera@example.local")] == [
        ("vera@example.local", "user:create", None, "refused"),
        ("keelyard", "user:create", "vera@example.local", "success"),
        ("eve@example.com", "session:login", None, "refused"),
        (ADMIN, "user:enable", NEWCOMER["email"], "success"),
        (ADMIN, "user:disable", NEWCOMER["email"], "success"),
        (ADMIN, "user:create", NEWCOMER["email"], "refused"),
        (ADMIN, "user:create", NEWCOMER["email"], "success"),
        (ADMIN, "session:login", ADMIN, "success"),
        ("keelyard", "user:create", ADMIN, "success"),
    ]


async def test_passwords_and_tokens_are_nowhere_to_be_found(api: Api) -> None:
    admin, client = await signed_in(api, ADMIN), api.anonymous()
    strong = f"Strong-{CANARY}-1"
    with structlog.testing.capture_logs() as lines:
        replies = [
            await client.post(LOGIN, json={"email": ADMIN, "password": CANARY}),
            await client.post(LOGIN, json={"email": ADMIN, "password": [CANARY]}),
            await client.post(LOGIN, content=f'{{"email": "{ADMIN}", "password": "{CANARY}"'),
            await admin.post(REGISTER, json=NEWCOMER | {"password": CANARY}),
            await admin.post(
                REGISTER, json=NEWCOMER | {"password": strong}, headers={"Idempotency-Key": "k"}
            ),
            await admin.post(REGISTER, json=NEWCOMER | {"password": strong}),
            await admin.get("/api/v1/audit-logs"),
        ]
        token = data(await client.post(LOGIN, json={"email": NEWCOMER["email"], "password": strong}))["token"]
        replies.append(await api.anonymous(Authorization=f"Bearer {token}").get(ME))

    assert [reply.status_code for reply in replies] == [401, 400, 400, 400, 201, 409, 200, 200]
    logged, stored = "\n".join(map(str, lines)), await everything(api.settings.database_url)
    assert "/control-plane/staff/register" in logged
    for place in (logged, stored, *(reply.text for reply in replies)):
        for secret in (CANARY, token):
            assert secret not in place


# -- tenants --


async def test_a_tenant_is_registered_as_documented(api: Api) -> None:
    admin = await signed_in(api, ADMIN)

    made = data(await admin.post(TENANT, json=ACME), 201)

    assert uuid.UUID(made.pop("tenant_id")).version == 4
    assert TIME.fullmatch(made.pop("created_at"))
    assert made == {**ACME, "status": "pending"}
    message = refused(await admin.post(TENANT, json=ACME), 409, "Conflict")
    assert "Acme Corporation" in message


async def test_contact_details_and_the_slug_of_a_tenant_are_optional(api: Api) -> None:
    admin = await signed_in(api, ADMIN)

    bare = data(await admin.post(TENANT, json={"name": "Bare", "email": "Bare@Acme.com"}), 201)
    null = data(await admin.post(TENANT, json={"name": "N", "email": "n@b.co", "contact_info": None}), 201)
    part = {"name": "Part", "email": "part@acme.com", "contact_info": {"phone": "+1-555-123-4567"}}
    some = data(await admin.post(TENANT, json={**part, "slug": "a-part"}), 201)

    assert (bare["email"], bare["contact_info"]) == ("bare@acme.com", {})
    assert null["contact_info"] == {}
    assert some["contact_info"] == part["contact_info"]
    found = (await admin.get(f"/api/v1/tenants/{some['tenant_id']}")).json()
    assert (found["slug"], found["name"], found["status"]) == ("a-part", "Part", "pending")
    assert (await admin.get("/api/v1/tenants/bare")).json()["id"] == bare["tenant_id"]


async def test_a_tenant_that_does_not_fit_is_400_and_names_the_field(api: Api) -> None:
    admin = await signed_in(api, ADMIN)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": 1}, "name"),
        ({"email": "acme"}, "email"),
        ({"email": None}, "email"),
        ({"contact_info": "phone"}, "contact_info"),
        ({"contact_info": {"phone": 1}}, "contact_info.phone"),
        ({"contact_info": {"fax": "1"}}, "contact_info.fax"),
        ({"slug": "No Slug"}, "slug"),
        ({"status": "active"}, "status"),
    ]

    for change, field in wrong:
        message = refused(await admin.post(TENANT, json=ACME | change), 400, "ValidationError")
        assert message.startswith(f"{field}: "), message
    assert data(await admin.post(TENANT, json=ACME | {"name": "x" * 255}), 201)["name"] == "x" * 255


async def test_administrators_and_managers_register_tenants(api: Api) -> None:
    manager, member = await api.account(Role.OPERATOR), await api.account(Role.VIEWER, "vera@example.local")

    refused(await api.anonymous().post(TENANT, json=ACME), 401, "Unauthorized")
    refused(await member.post(TENANT, json=ACME), 403, "Forbidden")
    data(await manager.post(TENANT, json=ACME), 201)

    entries = (await (await api.admin()).get("/api/v1/audit-logs?action=tenant:register")).json()["data"]
    assert [(entry["resource_name"], entry["status"]) for entry in entries] == [
        ("Acme Corporation", "success"),
        (None, "refused"),
        (None, "refused"),
    ]


# -- errors --


# -- automation --


async def test_a_service_token_does_here_what_its_scope_says(api: Api) -> None:
    admin = await api.admin()
    made = await admin.post(
        "/api/v1/service-tokens", json={"name": "signup", "permissions": ["tenant:register"]}
    )
    token = api.anonymous(Authorization=f"Bearer {made.json()['token']}")

    data(await token.post(TENANT, json=ACME), 201)
    refused(await token.post(REGISTER, json=NEWCOMER), 403, "Forbidden")
    await admin.delete(f"/api/v1/service-tokens/{made.json()['id']}")
    refused(await token.post(TENANT, json=ACME | {"name": "Late"}), 401, "Unauthorized")

    entries = (await admin.get("/api/v1/audit-logs?action=tenant:register&status=success")).json()["data"]
    assert [entry["actor"] for entry in entries] == ["service-token:signup"]
