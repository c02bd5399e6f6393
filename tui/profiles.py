"""Profiles: the servers an operator works with, and how the terminal looks, in one file that people edit too.

    current: prod
    profiles:
      prod: {url: "https://yard.example", email: ana@yard.example}
      audit: {url: "https://yard.example", read_only: true}
    theme: colour-blind
    keys: {quit: ctrl+q}

It holds no secret: sign-ins are in `tui.token_store`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tui import errors

DEFAULT_URL = "http://127.0.0.1:8000"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,62}")
_EXAMPLE = "such as  profiles: {prod: {url: https://yard.example}}"


@dataclass(frozen=True)
class Profile:
    """One server, and who signs in there."""

    name: str
    url: str = DEFAULT_URL
    email: str = ""
    read_only: bool = False


class Profiles:
    """What the file says. Raises ConfigUnreadable where it says nothing that makes sense."""

    def __init__(self, path: Path, said: dict[str, Any]) -> None:
        """For `load`."""
        self.path = path
        self._take(said)

    def _take(self, said: dict[str, Any]) -> None:
        path = self.path
        self._said = said
        self._profiles = dict(_profiles(path, said))
        self.keys: dict[str, str] = _words(path, said, "keys")
        self.theme: str = _word(path, said, "theme")
        current = _word(path, said, "current")
        if current and current not in self._profiles:
            raise _wrong(path, f"`current` names {current}, which is not among the profiles")
        self._current = current or next(iter(self._profiles), "")

    @classmethod
    def load(cls, path: Path | None = None) -> Profiles:
        """Reads the file; one that is missing or empty says nothing. Raises ConfigUnreadable."""
        path = path or config_path()
        return cls(path, _said(path))

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles.values())

    def __len__(self) -> int:
        return len(self._profiles)

    @property
    def current(self) -> Profile:
        """The profile used when none is named; this machine's own server when there is none."""
        return self._profiles.get(self._current) or Profile("local")

    def get(self, name: str) -> Profile | None:
        """The profile of this name."""
        if name == "local" and not self._profiles:
            return self.current
        return self._profiles.get(name)

    def at(self, url: str) -> Profile:
        """The profile of this address; one that is not in the file is named after its host."""
        address = url.rstrip("/")
        if self.current.url == address:
            return self.current
        known = next((profile for profile in self if profile.url == address), None)
        host = re.sub(r"[^A-Za-z0-9._@:-]+", "-", address.partition("//")[2].partition("/")[0]).lstrip(
            "-._@:"
        )
        return known or Profile(host[:63] or "server", address)

    def save(self, profile: Profile, *, current: bool = True) -> None:
        """Adds or replaces a profile, and makes it the current one. Raises ValueError, ConfigUnreadable."""
        if not _NAME.fullmatch(profile.name):
            raise ValueError(
                f"{profile.name!r} cannot be a profile's name: letters, digits and . _ @ : - only."
            )
        told: dict[str, str | bool] = {"url": profile.url.rstrip("/")}
        told |= {"email": profile.email} if profile.email else {}
        told |= {"read_only": True} if profile.read_only else {}
        said = self._again()
        said["profiles"] = {**(said.get("profiles") or {}), profile.name: told}
        if current:
            said["current"] = profile.name
        self._write(said)

    def remove(self, name: str) -> None:
        """Takes a profile out of the file; one that is not there is no error. Raises ConfigUnreadable."""
        said = self._again()
        left = {**(said.get("profiles") or {})}
        if left.pop(name, None) is None:
            return
        said["profiles"] = left
        if said.get("current") == name:
            del said["current"]
        self._write(said)

    def choose_theme(self, theme: str) -> None:
        """Remembers the theme. Raises ConfigUnreadable."""
        self._write(self._again() | {"theme": theme})

    def _again(self) -> dict[str, Any]:
        """What the file says by now: another process may have written to it."""
        return _said(self.path)

    def _write(self, said: dict[str, Any]) -> None:
        target = self.path.resolve()  # dotfiles are often links to where they are versioned
        if said == self._said and target.exists():
            return
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=target.parent, prefix=".config-", delete=False, encoding="utf-8"
            ) as new:
                yaml.safe_dump(said, new, sort_keys=False, allow_unicode=True)
            Path(new.name).replace(target)
        except OSError as unwritable:
            raise _wrong(self.path, f"it cannot be written: {unwritable.strerror}") from unwritable
        self._take(said)


def config_path() -> Path:
    """`$KEELYARD_CONFIG`, or config.yaml where the system keeps settings."""
    if named := os.environ.get("KEELYARD_CONFIG"):
        return Path(named).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "keelyard" / "config.yaml"


def chosen(name: str = "", url: str = "", email: str = "", *, read_only: bool = False) -> Profile:
    """The profile that a command's options name. Raises ValueError, ConfigUnreadable."""
    profiles = Profiles.load()
    if name:
        found = profiles.get(name)
        if found is None and not url:
            known = ", ".join(profile.name for profile in profiles) or "none yet"
            raise ValueError(f"There is no profile {name!r} in {profiles.path} ({known}); --url makes one.")
        profile = found or Profile(name)
        profile = replace(profile, url=url.rstrip("/") or profile.url)
    else:
        profile = profiles.at(url) if url else profiles.current
    if not _NAME.fullmatch(profile.name):
        raise ValueError(f"{profile.name!r} cannot be a profile's name: letters, digits and . _ @ : - only.")
    return replace(profile, email=email or profile.email, read_only=read_only or profile.read_only)


def _said(path: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as unreadable:
        raise _wrong(path, " ".join(str(unreadable).split())) from unreadable
    if said is not None and not isinstance(said, dict):
        raise _wrong(path, f"it must be a mapping, {_EXAMPLE}")
    return said or {}


def _profiles(path: Path, said: dict[str, Any]) -> Iterator[tuple[str, Profile]]:
    every = said.get("profiles") or {}
    if not isinstance(every, dict):
        raise _wrong(path, f"`profiles` must be a mapping, {_EXAMPLE}")
    for name, told in every.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise _wrong(path, f"{name!r} cannot be a profile's name: letters, digits and . _ @ : - only")
        if not isinstance(told, dict) or not isinstance(told.get("url"), str):
            raise _wrong(path, f"profile {name} needs a `url`, {_EXAMPLE}")
        email, read_only = told.get("email") or "", told.get("read_only", False)
        if not isinstance(email, str) or not isinstance(read_only, bool):
            raise _wrong(path, f"profile {name}: `email` is a text, `read_only` is true or false")
        yield name, Profile(name, told["url"].rstrip("/"), email, read_only)


def _word(path: Path, said: dict[str, Any], name: str) -> str:
    word = said.get(name) or ""
    if not isinstance(word, str):
        raise _wrong(path, f"`{name}` must be a text")
    return word


def _words(path: Path, said: dict[str, Any], name: str) -> dict[str, str]:
    words = said.get(name) or {}
    if not isinstance(words, dict) or not all(
        isinstance(word, str) for pair in words.items() for word in pair
    ):
        raise _wrong(path, f'`{name}` must map texts to texts; quote keys such as "y" and "1"')
    return dict(words)


def _wrong(path: Path, why: str) -> errors.ConfigUnreadable:
    return errors.ConfigUnreadable(f"{path}: {why}.")
