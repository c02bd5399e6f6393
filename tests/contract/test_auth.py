"""/api/v1/auth: tokens, their rotation, their end."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import jwt
import pytest

from engine.domain.statuses import Role
from engine.services import tokens
from engine.services.identity import Caller
from engine.store import accounts as account_rows
from engine.store import records
from tests.contract.harness import ADMIN, PASSWORD, Api

USER = {"id", "email", "role", "full_name"}
LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"


@pytest.mark.parametrize("how", ["data", "json", "files"])
async def test_login_takes_the_form_and_json(api: Api, how: str) -> None:
    fields = {"username": ADMIN, "password": PASSWORD}
    body = {name: (None, value) for name, value in fields.items()} if how == "files" else fields

    answer = await api.anonymous().post(LOGIN, **{how: body})

    granted = answer.json()
    assert answer.status_code == 200
    assert set(granted) == {"access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert (granted["token_type"], granted["expires_in"]) == ("bearer", 1800)
    assert set(granted["user"]) == USER
    assert (granted["user"]["email"], granted["user"]["role"]) == (ADMIN, "admin")


async def test_me_is_who_the_token_belongs_to(any_api: Api) -> None:
    answer = await (await any_api.account(Role.VIEWER, "vera@example.local")).get("/api/v1/auth/me")

    assert answer.status_code == 200
    assert set(answer.json()) == USER
    assert (answer.json()["email"], answer.json()["role"]) == ("vera@example.local", "viewer")


async def test_wrong_password_and_unknown_account_are_told_alike(any_api: Api) -> None:
    client = any_api.anonymous()
    answers = [
        await client.post(LOGIN, data={"username": name, "password": "wrong-wrong-wrong"})
        for name in (ADMIN, "nobody@example.local")
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
    assert answers[0].headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": ADMIN}, "password"),
        ({"password": PASSWORD}, "username"),
        ({"username": 1, "password": PASSWORD}, "username"),
        ({"username": ADMIN, "password": PASSWORD, "nix": 1}, "nix"),
    ],
)
async def test_a_wrong_login_body_is_422(api: Api, body: dict[str, object], field: str) -> None:
    answer = await api.anonymous().post(LOGIN, json=body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_disabled_account_is_told_so_only_after_the_right_password(any_api: Api) -> None:
    client = await any_api.account(Role.OPERATOR, "olga@example.local")
    refresh_token = (await any_api.login("olga@example.local"))["refresh_token"]
    olga = await any_api.users.find("olga@example.local")
    await any_api.users.set_enabled(olga.id, Caller(), enabled=False)

    right = await client.post(LOGIN, data={"username": "olga@example.local", "password": PASSWORD})
    wrong = await client.post(LOGIN, data={"username": "olga@example.local", "password": "wrong-wrong-wrong"})
    refreshed = await client.post(REFRESH, json={"refresh_token": refresh_token})

    assert (right.status_code, wrong.status_code, refreshed.status_code) == (403, 401, 401)


async def test_repeated_failures_make_an_account_rest(any_api: Api, request: pytest.FixtureRequest) -> None:
    client = any_api.anonymous()
    local = any_api.identities.local
    wrong = []
    for failures in range(1, 6):
        wrong.append(await client.post(LOGIN, data={"username": ADMIN, "password": "wrong-wrong-wrong"}))
        if not local:
            await request.getfixturevalue("keycloak_server").until_counted(ADMIN, failures)

    resting = await client.post(LOGIN, data={"username": ADMIN, "password": PASSWORD})
    if local:
        account = await account_rows.by_email(ADMIN)
        assert account is not None
        await account_rows.update(account.id, locked_until=records.now())
    else:
        await request.getfixturevalue("keycloak_server").reset(ADMIN)
    rested = await client.post(LOGIN, data={"username": ADMIN, "password": PASSWORD})

    assert (resting.status_code, rested.status_code) == (401, 200)
    assert resting.json()["detail"] == wrong[0].json()["detail"]


async def test_a_refresh_token_works_once_and_its_reuse_ends_the_whole_family(any_api: Api) -> None:
    client = any_api.anonymous()
    first = await any_api.login()
    second = await client.post(REFRESH, json={"refresh_token": first["refresh_token"]})
    assert second.status_code == 200
    assert set(second.json()) == set(first)
    assert second.json()["refresh_token"] != first["refresh_token"]

    stolen = await client.post(REFRESH, json={"refresh_token": first["refresh_token"]})
    after = await client.post(REFRESH, json={"refresh_token": second.json()["refresh_token"]})
    me = await client.get(
        "/api/v1/auth/me", headers={"Authorization": f"Bearer {second.json()['access_token']}"}
    )

    assert [answer.status_code for answer in (stolen, after, me)] == [401, 401, 401]


async def test_of_two_refreshes_at_once_one_succeeds(any_api: Api) -> None:
    client = any_api.anonymous()
    token = {"refresh_token": (await any_api.login())["refresh_token"]}

    answers = await asyncio.gather(*(client.post(REFRESH, json=token) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_logout_ends_both_tokens(any_api: Api) -> None:
    granted = await any_api.login()
    client = any_api.anonymous(Authorization=f"Bearer {granted['access_token']}")

    out = await client.post("/api/v1/auth/logout")

    assert (out.status_code, out.content) == (204, b"")
    assert (await client.get("/api/v1/auth/me")).status_code == 401
    refreshed = await client.post(REFRESH, json={"refresh_token": granted["refresh_token"]})
    assert refreshed.status_code == 401


async def test_only_an_unexpired_access_token_of_ours_is_one(api: Api) -> None:
    granted = await api.login()
    account = await account_rows.by_email(ADMIN)
    assert account is not None
    claims = tokens.read(api.settings.secret_key, granted["access_token"])
    payload = jwt.decode(granted["access_token"], options={"verify_signature": False})
    key = tokens._key(api.settings.secret_key)
    bad = {
        "garbage": "nix",
        "refresh": granted["refresh_token"],
        "foreign": tokens.issue("another-key", claims.account_id, claims.family, timedelta(minutes=5)),
        "expired": tokens.issue(
            api.settings.secret_key, claims.account_id, claims.family, timedelta(minutes=-5)
        ),
        "type": jwt.encode(payload | {"typ": "refresh"}, key, algorithm="HS256"),
        "issuer": jwt.encode(payload | {"iss": "other"}, key, algorithm="HS256"),
        "unsigned": jwt.encode(payload, "", algorithm="none"),
    }

    statuses = {
        name: (await api.anonymous(Authorization=f"Bearer {token}").get("/api/v1/auth/me")).status_code
        for name, token in bad.items()
    }

    assert statuses == dict.fromkeys(bad, 401)


async def test_a_new_password_ends_every_session(any_api: Api) -> None:
    granted = await any_api.login()
    await any_api.users.set_password(
        (await any_api.users.find(ADMIN)).id, "Another-good-password-2", Caller()
    )

    refreshed = await any_api.anonymous().post(REFRESH, json={"refresh_token": granted["refresh_token"]})

    assert refreshed.status_code == 401
    assert (await any_api.login(password="Another-good-password-2"))["user"]["email"] == ADMIN
