"""What only Keycloak does: its tokens, its roles, its keys that change, its absence."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from click.testing import CliRunner, Result

from engine.domain.statuses import Role
from engine.processes.commands.user import user
from engine.services import keycloak_tokens
from tests.contract.harness import ADMIN, PASSWORD, Api, cluster_body, of_keycloak
from tests.standins.keycloak_server import CLIENT_ID, CLIENT_SECRET, REALM, KeycloakServer
from tui.client import Client
from tui.errors import SessionEnded
from tui.token_store import TokenStore

ME = "/api/v1/auth/me"
LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"
USERS = "/api/v1/users"
TOKEN = f"/realms/{REALM}/protocol/openid-connect/token"
PLACE = f"/admin/realms/{REALM}"


async def me(api: Api, token: str) -> httpx.Response:
    return await api.anonymous(Authorization=f"Bearer {token}").get(ME)


async def grant(server: KeycloakServer, **form: str) -> dict[str, Any]:
    """Tokens straight from Keycloak."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        answer = await client.post(
            TOKEN, data={"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **form}
        )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def person(server: KeycloakServer, email: str, *, realm: list[str], client: list[str] = []) -> None:  # noqa: B006
    """A user with roles given in Keycloak itself."""
    async with server.root() as root:
        credentials = [{"type": "password", "value": PASSWORD, "temporary": False}]
        body = {"username": email, "email": email, "enabled": True, "credentials": credentials}
        made = await root.post(f"{PLACE}/users", json=body)
        mine = f"{PLACE}/users/{made.headers['location'].rpartition('/')[2]}/role-mappings"
        roles = [(await root.get(f"{PLACE}/roles/{name}")).json() for name in realm]
        await root.post(f"{mine}/realm", json=roles)
        if client:
            [ours] = (await root.get(f"{PLACE}/clients", params={"clientId": CLIENT_ID})).json()
            place = f"{PLACE}/clients/{ours['id']}/roles"
            for name in client:
                await root.post(place, json={"name": name})
            roles = [(await root.get(f"{place}/{name}")).json() for name in client]
            await root.post(f"{mine}/clients/{ours['id']}", json=roles)


def tampered(token: str, **changes: Any) -> str:
    """The token with other claims under the old signature."""
    header, payload, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


async def test_only_access_tokens_of_the_realm_for_us_come_in(
    keycloak_api: Api, keycloak: KeycloakServer
) -> None:
    good = await grant(keycloak, grant_type="password", username=ADMIN, password=PASSWORD, scope="openid")
    token = good["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    async with httpx.AsyncClient(base_url=keycloak.url) as client:
        keys = (await client.get(f"/realms/{REALM}/protocol/openid-connect/certs")).json()["keys"]
        form = {"client_id": "admin-cli", "grant_type": "password", "username": ADMIN, "password": PASSWORD}
        theirs = await client.post(TOKEN, data=form)
    public = next(key["x5c"][0] for key in keys if key["kid"] == kid)
    async with keycloak.root() as root:
        foreign = root.headers["authorization"].removeprefix("Bearer ")
    bad = {
        "another client's": theirs.json()["access_token"],
        "refresh": good["refresh_token"],
        "identity": good["id_token"],
        "another realm": foreign,
        "tampered": tampered(token, email="eve@example.local"),
        "none": jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
        "the public key as secret": jwt.encode(claims, public, algorithm="HS256", headers={"kid": kid}),
        "made up key": jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": "made-up"}),
    }

    refused = {name: (await me(keycloak_api, wrong)).status_code for name, wrong in bad.items()}

    assert refused == dict.fromkeys(bad, 401)
    assert (await me(keycloak_api, token)).json()["email"] == ADMIN


@pytest.mark.parametrize(
    ("realm", "client", "role"),
    [
        (["manager"], [], "operator"),
        (["staff"], [], "viewer"),
        (["viewer", "operator"], [], "operator"),
        (["staff"], ["admin"], "admin"),
    ],
)
async def test_roles_of_realm_and_client_are_ours(
    keycloak_api: Api, keycloak: KeycloakServer, realm: list[str], client: list[str], role: str
) -> None:
    await person(keycloak, "mara@example.local", realm=realm, client=client)

    granted = await keycloak_api.login("mara@example.local")
    listed = await (await keycloak_api.admin()).get(USERS, params={"search": "mara"})

    assert granted["user"]["role"] == role
    assert [found["role"] for found in listed.json()["data"]] == [role]


async def test_people_of_the_realm_without_a_role_here_stay_outside(
    keycloak_api: Api, keycloak: KeycloakServer
) -> None:
    await person(keycloak, "nora@example.local", realm=[])
    token = (await grant(keycloak, grant_type="password", username="nora@example.local", password=PASSWORD))[
        "access_token"
    ]

    login = await keycloak_api.anonymous().post(
        LOGIN, data={"username": "nora@example.local", "password": PASSWORD}
    )
    listed = await (await keycloak_api.admin()).get(USERS, params={"search": "nora"})

    assert (login.status_code, (await me(keycloak_api, token)).status_code) == (403, 401)
    assert [found["role"] for found in listed.json()["data"]] == [None]


async def test_a_role_given_here_replaces_those_of_realm_and_client(
    keycloak_api: Api, keycloak: KeycloakServer
) -> None:
    await person(keycloak, "mara@example.local", realm=["manager", "staff"], client=["admin"])
    admin = await keycloak_api.admin()
    [mara] = (await admin.get(USERS, params={"search": "mara"})).json()["data"]

    changed = await admin.put(f"{USERS}/{mara['id']}", json={"role": "viewer"})

    assert (mara["role"], changed.json()["role"]) == ("admin", "viewer")


async def test_who_lives_in_keycloak_makes_clusters_once_per_key(keycloak_api: Api) -> None:
    operator = await keycloak_api.account(Role.OPERATOR, "olga@example.local")

    answers = [
        await operator.post("/api/v1/clusters", json=cluster_body(), headers={"Idempotency-Key": "yard"})
        for _ in range(2)
    ]

    assert all(answer.is_success for answer in answers)
    assert answers[0].json() == answers[1].json()
    jobs = (await operator.get("/api/v1/jobs")).json()["data"]
    assert [job["created_by"] for job in jobs] == ["olga@example.local"]


async def test_another_signing_key_is_found_and_the_old_one_still_holds(
    keycloak_api: Api, keycloak: KeycloakServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keycloak_tokens, "FETCH_PAUSE_SECONDS", 0.0)
    before = (await keycloak_api.login())["access_token"]

    await keycloak.rotate_keys()
    after = (await keycloak_api.login())["access_token"]

    kids = {jwt.get_unverified_header(token)["kid"] for token in (before, after)}
    assert len(kids) == 2
    assert [(await me(keycloak_api, token)).status_code for token in (before, after)] == [200, 200]


async def test_an_outage_leaves_tokens_good_and_logins_for_later(
    keycloak_api: Api, keycloak: KeycloakServer
) -> None:
    stays, leaves = await keycloak_api.login(), await keycloak_api.login()
    client = keycloak_api.anonymous(Authorization=f"Bearer {stays['access_token']}")
    assert (await client.get(ME)).status_code == 200

    keycloak.stop()
    try:
        login = await client.post(LOGIN, data={"username": ADMIN, "password": PASSWORD})
        refresh = await client.post(REFRESH, json={"refresh_token": stays["refresh_token"]})
        users = await client.get(USERS)
        clusters = await client.get("/api/v1/clusters")
        leaving = keycloak_api.anonymous(Authorization=f"Bearer {leaves['access_token']}")
        logout = await leaving.post("/api/v1/auth/logout")
        left = await leaving.get(ME)
    finally:
        keycloak.resume()

    assert [answer.status_code for answer in (login, refresh, users)] == [503, 503, 503]
    assert login.headers["retry-after"]
    assert (clusters.status_code, logout.status_code, left.status_code) == (200, 204, 401)
    # What was asked for in vain works now, and what was ended meanwhile stays so.
    again = await client.post(REFRESH, json={"refresh_token": stays["refresh_token"]})
    gone = await client.post(REFRESH, json={"refresh_token": leaves["refresh_token"]})
    assert (again.status_code, gone.status_code) == (200, 401)
    assert (await keycloak_api.login())["user"]["email"] == ADMIN


async def test_an_account_that_keycloak_wants_more_of_is_told_so_after_the_right_password(
    keycloak_api: Api, keycloak: KeycloakServer
) -> None:
    await person(keycloak, "mara@example.local", realm=["viewer"])
    async with keycloak.root() as root:
        [mara] = (await root.get(f"{PLACE}/users", params={"search": "mara"})).json()
        await root.put(f"{PLACE}/users/{mara['id']}", json={"requiredActions": ["UPDATE_PASSWORD"]})
    client = keycloak_api.anonymous()

    right = await client.post(LOGIN, data={"username": "mara@example.local", "password": PASSWORD})
    wrong = await client.post(LOGIN, data={"username": "mara@example.local", "password": "wrong-wrong"})

    assert (right.status_code, wrong.status_code) == (403, 401)
    assert "not fully set up" in right.json()["detail"]


@pytest.fixture
def keelyard(database_url: str, keycloak: KeycloakServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs `keelyard user ...` on this test's database and Keycloak."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path))
    for name, value in of_keycloak(keycloak).items():
        monkeypatch.setenv(name.upper(), value)

    def run(*arguments: str, **options: str) -> Result:
        return CliRunner().invoke(user, list(arguments), **options)

    return run


def test_the_command_line_manages_users_in_keycloak(keelyard) -> None:
    made = keelyard("create", "Olga@Example.local", "--role", "operator")
    keelyard("set-role", "olga@example.local", "viewer")
    keelyard("disable", "olga@example.local")
    listed = json.loads(keelyard("list", "--json").stdout)
    last = keelyard("disable", ADMIN)
    gone = keelyard("delete", "olga@example.local", "--yes")

    assert made.exit_code == 0, made.exception
    assert [(row["email"], row["roles"], row["enabled"]) for row in listed] == [
        (ADMIN, ["admin"], True),
        ("olga@example.local", ["viewer"], False),
    ]
    assert "last enabled administrator" in str(last.exception)
    assert gone.exit_code == 0
    assert [row["email"] for row in json.loads(keelyard("list", "--json").stdout)] == [ADMIN]


async def test_the_terminals_kept_sign_in_lives_and_ends_in_keycloak(keycloak_api: Api) -> None:
    store = TokenStore.for_profile("prod")
    terminal = Client(keycloak_api.url, token_store=store)
    await terminal.sign_in(ADMIN, PASSWORD)
    first = store.load()
    again = Client(keycloak_api.url, token_store=store)

    user = await again.resume()

    assert user is not None
    assert (user.email, user.role) == (ADMIN, "admin")
    assert store.load() not in {None, first}
    await again.sign_out()
    with pytest.raises(SessionEnded):
        await terminal.clusters()
    assert store.load() is None
    for client in (terminal, again):
        await client.close()
