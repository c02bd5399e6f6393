"""`keelyard user`: accounts from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.domain.errors import NameTaken, NotFound
from engine.processes.commands.user import user


@pytest.fixture
def keelyard(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs `keelyard user ...` on this test's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path))

    def run(*arguments: str, **options: str) -> Result:
        return CliRunner().invoke(user, list(arguments), **options)

    return run


def test_an_account_is_made_shown_and_shut_out(keelyard) -> None:
    made = keelyard("create", "Olga@Example.local", "--role", "operator")
    keelyard("disable", "olga@example.local")
    listed = json.loads(keelyard("list", "--json").stdout)

    assert made.exit_code == 0
    assert len(made.stdout.strip()) >= 12
    assert [(row["email"], row["roles"], row["enabled"]) for row in listed] == [
        ("olga@example.local", ["operator"], False)
    ]
    assert "password" not in listed[0]


def test_a_password_comes_from_standard_input_and_is_not_shown(keelyard) -> None:
    made = keelyard("create", "vera@example.local", "--password-stdin", input="A-good-password-1\n")
    short = keelyard("set-password", "vera@example.local", "--password-stdin", input="short\n")

    assert (made.exit_code, made.stdout) == (0, "")
    assert "password: must have 8 to 128 characters" in str(short.exception)


def test_unknown_and_doubled_accounts_are_told(keelyard) -> None:
    keelyard("create", "vera@example.local")

    assert isinstance(keelyard("create", "VERA@example.local").exception, NameTaken)
    assert isinstance(keelyard("enable", "nobody@example.local").exception, NotFound)
    assert keelyard("create", "x@example.local", "--role", "god").exit_code == 2
