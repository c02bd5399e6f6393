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


def test_a_secret_comes_from_the_file_that_is_named(tmp_path):
    (tmp_path / "key").write_text("from-a-file\n")

    loaded = settings.load({"SECRET_KEY_FILE": str(tmp_path / "key"), "REDIS_URL_FILE": ""})

    assert loaded.secret_key == "from-a-file"
    assert loaded.redis_url == ""


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SECRET_KEY_FILE": "/nowhere/key"}, "SECRET_KEY_FILE names /nowhere/key"),
        ({"SECRET_KEY_FILE": "/etc/hostname", "SECRET_KEY": "s"}, "SECRET_KEY and SECRET_KEY_FILE"),
    ],
)
def test_a_secret_is_given_once_and_readable(environ, said):
    with pytest.raises(MisconfiguredServer, match=said):
        settings.load(environ)
