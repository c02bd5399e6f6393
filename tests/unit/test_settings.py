"""A server starts with safe settings or not at all."""

import stat

import pytest

from engine.domain.errors import MisconfiguredServer
from engine.services import settings


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path))
    return tmp_path


def test_loopback_keys_are_made_once_and_readable_by_the_owner_only(own_home):
    first, second = settings.load({}), settings.load({})

    assert first.secret_key == second.secret_key
    assert first.encryption_key == second.encryption_key
    for key in (own_home / "keys").iterdir():
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "SECRET_KEY"),
        ({"SECRET_KEY": "x" * 40}, "ENCRYPTION_KEY"),
        ({"SECRET_KEY": "dev-secret-key", "ENCRYPTION_KEY": "k"}, "SECRET_KEY"),
        ({"SECRET_KEY": "s", "ENCRYPTION_KEY": "k", "ADMIN_PASSWORD": "AdminPassword123!"}, "password"),
    ],
)
def test_a_reachable_server_refuses_weak_secrets(environ, named):
    with pytest.raises(MisconfiguredServer, match=named):
        settings.load(environ, bind="0.0.0.0")


def test_sqlite_is_refused():
    with pytest.raises(MisconfiguredServer, match="SQLite"):
        settings.load({"DATABASE_URL": "sqlite:///x.db"})


def test_a_number_that_is_none_is_refused():
    with pytest.raises(MisconfiguredServer):
        settings.load({"RATE_LIMIT_PER_MINUTE": "many"})


def test_settings_never_print_their_values():
    loaded = settings.load({"SECRET_KEY": "canary-value"})

    assert "canary-value" not in f"{loaded!r} {loaded}"
