"""The operator's system keyring, where one works without asking anything."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import keyring.backend
import keyring.errors

_SERVICE = "keelyard"
_PATIENCE_SECONDS = 3.0
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")


class NotUsable(Exception):
    """The keyring did not do it, or not in time."""


class SystemKeyring:
    """One keyring. Every call has a time limit: a keyring may wait for a dialog that nobody sees."""

    def __init__(self, backend: keyring.backend.KeyringBackend) -> None:
        self._backend = backend

    def load(self, name: str) -> str | None:
        """The secret kept under this name. Raises NotUsable."""
        return _in_time(lambda: self._backend.get_password(_SERVICE, name))

    def save(self, name: str, secret: str) -> None:
        """Keeps the secret. Raises NotUsable."""
        _in_time(lambda: self._backend.set_password(_SERVICE, name, secret))

    def forget(self, name: str) -> None:
        """Deletes the secret; one that is not there is no error. Raises NotUsable."""

        def delete() -> None:
            if self._backend.get_password(_SERVICE, name) is not None:
                self._backend.delete_password(_SERVICE, name)

        _in_time(delete)


@cache
def usable() -> SystemKeyring | None:
    """The system's keyring; None in containers, without a desktop session, locked, or switched off.

    `KEELYARD_KEYRING=off` switches it off.
    """
    if os.environ.get("KEELYARD_KEYRING", "").lower() in {"off", "0", "no", "false"}:
        return None
    if os.environ.get("container") or any(Path(mark).exists() for mark in _CONTAINER_MARKS):  # noqa: SIM112  systemd's name
        return None
    if sys.platform != "darwin" and not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return None
    try:
        return _in_time(_found)
    except NotUsable:
        return None


def _found() -> SystemKeyring | None:
    import keyring  # its backends are looked for at first use

    backend = keyring.get_keyring()
    backends = getattr(backend, "backends", [backend])  # a chain asks each of its own in turn
    for each in backends:
        kind = type(each).__module__
        if kind == "keyring.backends.macOS":
            return SystemKeyring(each)
        if kind == "keyring.backends.SecretService" and _is_open():
            return SystemKeyring(each)
    return None  # KWallet asks; files of others' making are no better than our own


def _is_open() -> bool:
    """Whether the Secret Service can be used without a password dialog."""
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        return not secretstorage.get_default_collection(bus).is_locked()


def _in_time[T](call: Callable[[], T]) -> T:
    """The answer of a call in a thread of its own, which is left behind when it hangs."""
    answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except Exception as failed:  # noqa: BLE001  backends raise whatever their libraries do
            answers.put((None, failed))

    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        answer, failed = answers.get(timeout=_PATIENCE_SECONDS)
    except queue.Empty:
        raise NotUsable("The keyring did not answer.") from None
    if failed is not None:
        raise NotUsable(type(failed).__name__) from None  # its words may hold what was to be kept
    return answer  # type: ignore[return-value]
