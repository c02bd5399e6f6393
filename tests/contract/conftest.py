"""A running server with a database of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import argon2
import pytest

from engine.services import passwords
from tests.contract import harness

# The database fixtures are those of the integration tests.
from tests.integration.conftest import database_url, server_home, template  # noqa: F401


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
