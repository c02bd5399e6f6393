"""A running server with a database of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import argon2
import pytest

from engine.services import passwords
from tests.contract import harness

# The database fixtures are those of the integration tests.
from tests.integration.conftest import database_url, server_home, template  # noqa: F401
from tests.standins.keycloak_server import KeycloakServer, NotInstalled


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id with the smallest parameters: these tests log in hundreds of times."""
    monkeypatch.setattr(
        passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    )
    monkeypatch.setattr(passwords, "_decoy", "")


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[harness.Api]:  # noqa: F811
    """A running server."""
    async with harness.serving(harness.settings(database_url)) as running:
        yield running


@pytest.fixture(scope="session")
def keycloak_server() -> Iterator[KeycloakServer]:
    """A real Keycloak for the whole session, started by the first test that asks for it."""
    try:
        server = KeycloakServer()
    except NotInstalled as error:
        pytest.fail(str(error), pytrace=False)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def keycloak(keycloak_server: KeycloakServer) -> KeycloakServer:
    """The Keycloak of this session with nobody in it but the first administrator."""
    await keycloak_server.reset(harness.ADMIN)
    return keycloak_server


@pytest.fixture
async def keycloak_api(database_url: str, keycloak: KeycloakServer) -> AsyncIterator[harness.Api]:  # noqa: F811
    """A running server whose users live in Keycloak."""
    async with harness.serving(harness.settings(database_url, **harness.of_keycloak(keycloak))) as running:
        yield running


@pytest.fixture(params=["local", "keycloak"])
def any_api(request: pytest.FixtureRequest) -> harness.Api:
    """A running server, once with accounts of its own and once with Keycloak's."""
    return request.getfixturevalue("api" if request.param == "local" else "keycloak_api")
