"""What the API can do has a place in the terminal: the OpenAPI document beside the registry of nouns."""

from __future__ import annotations

from functools import cache

from api.app import create_app
from tests.contract import harness
from tui import bindings, nouns

#: What the terminal has no screen for, and why.
ELSEWHERE = {
    "POST /api/v1/auth/login": "the login screen",
    "POST /api/v1/auth/refresh": "the session, by itself",
    "POST /api/v1/auth/logout": "ctrl+o and leaving",
    "GET /api/v1/auth/me": "every sign-in says who it is",
    "POST /api/v1/auth/session": "browsers' cookies",
    "DELETE /api/v1/auth/session": "browsers' cookies",
    "POST /api/v1/auth/session/refresh": "browsers' cookies",
    "GET /api/v1/events": "the live connection of the whole terminal",
    "GET /": "a browser's way to the documentation",
    "GET /health": "for monitoring",
    "GET /metrics": "for monitoring",
}
#: The same staff and tenants as users and tenants, in the words of another contract.
DUPLICATES = "/control-plane/"


@cache
def operations() -> frozenset[str]:
    """Every operation of the OpenAPI document, as in `POST /api/v1/clusters`. Asks no database."""
    app = create_app(harness.settings("postgresql://nobody:nothing@127.0.0.1:1/none"))
    return frozenset(
        f"{method.upper()} {path}"
        for path, item in (app.openapi_schema.paths or {}).items()
        for method in ("get", "post", "put", "patch", "delete", "head")
        if getattr(item, method) is not None
    )


def wanted() -> set[str]:
    """What a noun has to have."""
    return {each for each in operations() if DUPLICATES not in each} - set(ELSEWHERE)


def had() -> dict[str, set[str]]:
    """Operation -> the nouns that have it."""
    found: dict[str, set[str]] = {}
    for noun in nouns.registered():
        for each in (operation for named in noun.operations.values() for operation in named):
            found.setdefault(each, set()).add(noun.name)
    return found


def test_every_operation_of_the_api_is_a_key_or_a_screen_of_the_terminal():
    assert sorted(wanted() - set(had())) == []


def test_the_registry_names_nothing_that_the_api_does_not_have():
    assert sorted(set(had()) - operations()) == []
    assert sorted(set(ELSEWHERE) - operations()) == []
    assert sorted(set(ELSEWHERE) & set(had())) == []


def test_every_key_of_the_registry_is_on_a_screen():
    registered = nouns.registered()
    keys = {name for kind in bindings.owners() for name in bindings.of(kind)}

    assert sorted({name for noun in registered for name in noun.operations if name} - keys) == []


def test_what_the_screens_do_by_themselves_only_reads():
    for noun in nouns.registered():
        assert [each for each in noun.operations.get("", ()) if not each.startswith("GET ")] == [], noun.name
