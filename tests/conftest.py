"""Every test starts from an environment without the developer's own settings."""

from __future__ import annotations

import os

import msgspec
import pytest

from engine.services.settings import Settings

_SETTINGS = {field.encode_name for field in msgspec.structs.fields(Settings)}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if (name.startswith("KEELYARD_") and name not in _KEPT) or name in _SETTINGS:
            monkeypatch.delenv(name)


_KEPT = {"KEELYARD_CACHE", "KEELYARD_TEST_BUNDLE"}  # where things that took long to make are found again
