"""Where a profile's sign-in is kept between runs: its refresh token, in the system's keyring or a 0600 file.

A refresh token works once and its reuse ends the session, so whoever renews holds `renewing()` and reads
the token inside it: the terminal and any number of commands share one sign-in.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import time
import urllib.parse
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import msgspec

from tui import system_keyring
from tui.system_keyring import NotUsable, SystemKeyring

_LOCK_LOOK_SECONDS = 0.05
_LOCK_PATIENCE_SECONDS = 45.0  # longer than any renewal takes to fail


class Kept(msgspec.Struct, frozen=True):
    """A sign-in: the token, whose it is, and the only server that it may be shown to."""

    refresh_token: str
    account: str = ""
    url: str = ""


class Busy(Exception):
    """Another process holds the sign-in for too long."""


class TokenStore:
    """The sign-in of one profile. `remark` has something to tell the operator after a load, or is empty."""

    def __init__(self, name: str, directory: Path, keyring: SystemKeyring | None = None) -> None:
        self.remark = ""
        self._name = name
        self._directory = directory
        self._keyring = keyring
        self._file = f"{urllib.parse.quote(name, safe='')}.json"

    @classmethod
    def for_profile(cls, name: str) -> TokenStore:
        """The store of this profile, where this system keeps such things."""
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        return cls(name, Path(home) / "keelyard" / "sign-ins", system_keyring.usable())

    def load(self) -> str | None:
        """The refresh token."""
        kept = self.kept()
        return kept.refresh_token if kept else None

    def kept(self) -> Kept | None:
        """The sign-in; None when there is none, or none that may be trusted."""
        said = self._read_file()
        if said is None and self._keyring is not None:
            with suppress(NotUsable):
                said = (self._keyring.load(self._name) or "").encode()
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(said or b"", type=Kept)
        return None

    def save(self, refresh_token: str, *, account: str = "", url: str = "") -> None:
        """Keeps this token instead of the one before. Raises OSError where nothing can be kept."""
        said = msgspec.json.encode(Kept(refresh_token, account, url))
        # A file once written stays the one place: every process sees it, not every one the keyring.
        if self._keyring is not None and not self._has_file():
            with suppress(NotUsable):
                self._keyring.save(self._name, said.decode())
                return
        with self._opened() as directory:
            temporary = f"{self._file}.{os.getpid()}.new"
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=directory)  # of a process with our number that was killed
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=directory), "wb") as new:
                new.write(said)
                new.flush()
                os.fsync(new.fileno())
            os.replace(temporary, self._file, src_dir_fd=directory, dst_dir_fd=directory)

    def forget(self) -> None:
        """Keeps nothing any more. Raises OSError."""
        if self._keyring is not None:
            with suppress(NotUsable):
                self._keyring.forget(self._name)
        if self._directory.exists():
            with self._opened() as directory, suppress(FileNotFoundError):
                os.unlink(self._file, dir_fd=directory)

    @asynccontextmanager
    async def renewing(self) -> AsyncIterator[None]:
        """Nobody else renews, keeps or forgets this sign-in meanwhile. Raises Busy, OSError."""
        with self._opened() as directory:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            lock = os.open(f"{self._file}.lock", flags, 0o600, dir_fd=directory)
        try:
            await self._hold(lock)
            yield
        finally:
            os.close(lock)

    async def _hold(self, lock: int) -> None:
        given_up = time.monotonic() + _LOCK_PATIENCE_SECONDS
        while not _locked(lock):
            if time.monotonic() > given_up:
                raise Busy(f"Another keelyard process does not let go of the sign-in of {self._name}.")
            await asyncio.sleep(_LOCK_LOOK_SECONDS)  # a thread in flock() could not be called off

    def _has_file(self) -> bool:
        return (self._directory / self._file).is_file()

    def _read_file(self) -> bytes | None:
        self.remark = ""
        if not self._directory.exists():
            return None
        try:
            with self._opened() as directory:
                file = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                with os.fdopen(file, "rb") as opened:
                    self._mend(opened.fileno())
                    return opened.read()
        except FileNotFoundError:
            return None
        except OSError as refused:
            self.remark = f"The kept sign-in is not used: {refused.strerror or refused}."
            return None

    def _mend(self, file: int) -> None:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise OSError(None, f"{self._directory / self._file} is not a file of yours")
        if found.st_mode & 0o077:
            os.fchmod(file, 0o600)
            self.remark = (
                f"{self._directory / self._file} could be read by others (mode {found.st_mode & 0o777:o}); "
                "it is 600 now. Sign out and in again if somebody else may have read it."
            )

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The directory, 0700 and the operator's own. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(directory)
            if found.st_uid != os.geteuid():
                raise OSError(None, f"{self._directory} is not yours")
            if found.st_mode & 0o077:
                os.fchmod(directory, 0o700)
            yield directory
        finally:
            os.close(directory)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
