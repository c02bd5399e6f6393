"""The real API behind the browser terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract import harness
from tests.integration.conftest import database_url, server_home, template  # noqa: F401
from tests.tui.web.serving import ROOT


@pytest.fixture(autouse=True)
def _this_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of tabs run what is tested, wherever Keelyard is installed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[harness.Api]:  # noqa: F811
    """A running API with an administrator."""
    async with harness.serving(harness.settings(database_url)) as running:
        yield running
