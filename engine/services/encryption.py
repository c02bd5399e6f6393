"""Secrets at rest: Fernet with several keys, the newest first, so that keys can be rotated."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from engine import content
from engine.domain.errors import MisconfiguredServer
from engine.domain.specs import SshSecrets


class Cipher:
    """Encrypts with the first key, decrypts with any."""

    def __init__(self, keys: str) -> None:
        """Take Fernet keys, comma-separated, newest first; MisconfiguredServer when one is none."""
        try:
            fernets = [Fernet(key.strip()) for key in keys.split(",") if key.strip()]
            self._fernet, self._newest = MultiFernet(fernets), fernets[:1]
        except ValueError as error:
            raise MisconfiguredServer(
                "ENCRYPTION_KEY is not one or more Fernet keys (32 bytes in URL-safe base64 each).",
                remedy="Make one: python -c 'from cryptography.fernet import Fernet; "
                "print(Fernet.generate_key().decode())'",
            ) from error

    def __repr__(self) -> str:
        return "Cipher(...)"

    def encrypt(self, text: str) -> str:
        """The text as a token that only holders of the key can read."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The text of a token; MisconfiguredServer when none of the keys made it."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            newer = _newer_keys()
            if newer is not None:
                with contextlib.suppress(InvalidToken):
                    return newer.decrypt(token.encode()).decode()
            raise MisconfiguredServer(
                "A stored secret cannot be decrypted: none of the keys in ENCRYPTION_KEY made it.",
                remedy="Put the key it was encrypted with behind the new one: ENCRYPTION_KEY=new,old.",
            ) from error

    def is_current(self, token: str) -> bool:
        """Whether the newest key made a token."""
        try:
            self._newest[0].decrypt(token.encode())
        except InvalidToken:
            return False
        return True

    def rotate(self, token: str) -> str:
        """The same text under the newest key."""
        return self.encrypt(self.decrypt(token))

    def encrypt_secrets(self, secrets: SshSecrets) -> str:
        """SSH secrets as one token."""
        return self.encrypt(msgspec.json.encode(secrets).decode())

    def decrypt_secrets(self, token: str) -> SshSecrets:
        """SSH secrets from their token."""
        return msgspec.json.decode(self.decrypt(token), type=SshSecrets)


def _newer_keys() -> MultiFernet | None:
    """The keys that this home keeps by now: who began before a rotation reads what came after it."""
    try:
        kept = key_file().read_text()
        return MultiFernet([Fernet(key.strip()) for key in kept.split(",") if key.strip()])
    except (OSError, ValueError):
        return None


def key_file() -> Path:
    """Where a server on loopback keeps its encryption keys when ENCRYPTION_KEY is not set."""
    return content.home() / "keys" / "encryption_key"
