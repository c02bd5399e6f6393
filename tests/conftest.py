"""Every test starts from an environment without the developer's own settings."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest

from engine.services.settings import Settings

_SETTINGS = {field.encode_name for field in msgspec.structs.fields(Settings)}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    for name in list(os.environ):
        if (name.startswith("KEELYARD_") and name not in _KEPT) or name in _SETTINGS:
            monkeypatch.delenv(name)
    # Nobody's own profiles and sign-ins: the directory is made by what writes there.
    home = _HOMES / hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("KEELYARD_KEYRING", "off")


_HOMES = Path(tempfile.mkdtemp(prefix="keelyard-tests-"))
atexit.register(shutil.rmtree, _HOMES, ignore_errors=True)
_KEPT = {"KEELYARD_CACHE", "KEELYARD_TEST_BUNDLE"}  # where things that took long to make are found again
