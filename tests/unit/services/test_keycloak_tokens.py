"""Access tokens of Keycloak: which hold, and how often Keycloak is asked for its keys."""

from __future__ import annotations

import time
import uuid
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from engine.domain.errors import ServiceUnavailable, Unauthenticated
from engine.domain.statuses import Role
from engine.services import keycloak_tokens
from engine.services.keycloak_tokens import AccessTokens, Keys, roles_named

ISSUER = "https://sso.example.com/realms/keelyard"


class Realm:
    """Signing keys, and a count of how often they were asked for."""

    def __init__(self) -> None:
        self.private: dict[str, rsa.RSAPrivateKey] = {}
        self.asked = 0
        self.away = False
        self.rotate("one")

    def rotate(self, *kids: str) -> None:
        """Have exactly these keys."""
        self.private = {kid: self.private.get(kid) or rsa.generate_private_key(65537, 2048) for kid in kids}

    async def keys(self) -> dict[str, Any]:
        """As the realm answers."""
        self.asked += 1
        if self.away:
            raise ServiceUnavailable("away")
        algorithm = jwt.algorithms.RSAAlgorithm
        found = [
            {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}
            for kid, key in self.private.items()
        ]
        return {"keys": [*found, {"kty": "RSA", "use": "enc", "kid": "enc", "alg": "RSA-OAEP"}, "nix"]}

    def token(self, kid: str = "one", *, key: Any = None, algorithm: str = "RS256", **changes: Any) -> str:
        """A token that is right in everything but the changes; None takes a claim away."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": ["account", "keelyard"],
            "azp": "console",
            "typ": "Bearer",
            "sub": str(uuid.uuid4()),
            "sid": "session-1",
            "iat": now,
            "exp": now + 300,
            "email": "Vera@example.local",
            "realm_access": {"roles": ["manager"]},
        } | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(
            claims, self.private[kid] if key is None else key, algorithm=algorithm, headers={"kid": kid}
        )


@pytest.fixture
def realm() -> Realm:
    return Realm()


@pytest.fixture
def tokens(realm: Realm) -> AccessTokens:
    return AccessTokens(Keys(realm.keys), issuer=ISSUER, audience="", client_id="keelyard")


async def test_a_right_token_tells_who_it_is(realm: Realm, tokens: AccessTokens) -> None:
    claims = await tokens.read(realm.token(resource_access={"keelyard": {"roles": ["admin"]}, "x": {}}))

    assert claims.principal.email == "vera@example.local"
    assert claims.principal.roles == {Role.ADMIN, Role.OPERATOR}
    assert claims.principal.session_id == "session-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"typ": None},
        {"nbf": int(time.time()) + 3600},
        {"iss": "https://sso.example.com/realms/other"},
        {"aud": "account"},
        {"aud": None},
        {"typ": "Refresh"},
        {"typ": "ID"},
        {"sub": "not-a-uuid"},
        {"exp": int(time.time()) + 90_000},
        {"realm_access": "admin"},
        {"key": "a-secret-of-thirty-two-characters", "algorithm": "HS256"},
        {"key": "", "algorithm": "none"},
        {"key": rsa.generate_private_key(65537, 2048)},
        {"algorithm": "RS512"},
        {"algorithm": "PS256"},
    ],
)
async def test_a_wrong_token_is_refused(realm: Realm, tokens: AccessTokens, changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await tokens.read(realm.token(**changes))


async def test_garbage_is_refused_without_asking_keycloak(realm: Realm, tokens: AccessTokens) -> None:
    for garbage in ("", "nix", "a.b.c", "é.é.é", "." * 5000):
        with pytest.raises(Unauthenticated):
            await tokens.read(garbage)
    assert realm.asked == 0


async def test_our_own_client_is_enough_unless_an_audience_is_named(realm: Realm) -> None:
    token = realm.token(aud="account", azp="keelyard")
    lenient = AccessTokens(Keys(realm.keys), issuer=ISSUER, audience="", client_id="keelyard")
    strict = AccessTokens(Keys(realm.keys), issuer=ISSUER, audience="keelyard", client_id="keelyard")

    assert (await lenient.read(token)).principal.roles == {Role.OPERATOR}
    with pytest.raises(Unauthenticated):
        await strict.read(token)


async def test_strangers_with_made_up_keys_cannot_make_us_ask_often(
    realm: Realm, tokens: AccessTokens
) -> None:
    good = realm.token()
    await tokens.read(good)
    for number in range(20):
        wrong = realm.token(f"made-up-{number}", key=realm.private["one"])
        with pytest.raises(Unauthenticated):
            await tokens.read(wrong)

    assert realm.asked == 1
    assert await tokens.read(good)


async def test_a_new_key_is_asked_for_once_and_one_taken_away_is_believed_no_longer(
    realm: Realm, tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = realm.token()
    await tokens.read(old)
    realm.rotate("two")
    monkeypatch.setattr(keycloak_tokens, "FETCH_PAUSE_SECONDS", 0.0)

    for _ in range(3):
        await tokens.read(realm.token("two"))

    assert realm.asked == 2
    with pytest.raises(Unauthenticated):
        await tokens.read(old)


async def test_keys_outlive_an_outage(
    realm: Realm, tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tokens.read(realm.token())
    realm.away = True
    monkeypatch.setattr(keycloak_tokens, "FETCH_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(keycloak_tokens, "KEYS_SECONDS", 0.0)

    assert await tokens.read(realm.token())
    assert await tokens.read(realm.token())


async def test_without_any_key_it_is_keycloak_that_is_missing(realm: Realm, tokens: AccessTokens) -> None:
    realm.away = True
    for _ in range(3):
        with pytest.raises(ServiceUnavailable):
            await tokens.read(realm.token())

    assert realm.asked == 1


def test_names_of_both_surfaces_are_one_set_of_roles() -> None:
    assert roles_named(["manager", "offline_access"]) == {Role.OPERATOR}
    assert roles_named(["staff", "viewer"]) == {Role.VIEWER}
    assert roles_named(["Admin", "uma_authorization"]) == frozenset()
