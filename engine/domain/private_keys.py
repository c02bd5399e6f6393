"""Whether an SSH private key can be used, told before anything is written."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

MAXIMUM_LENGTH = 32_768


def problem(private_key: str, passphrase: str | None) -> tuple[str, str] | None:
    """What is wrong with a key, as (`private_key` or `passphrase`, message); None when it parses."""
    if len(private_key) > MAXIMUM_LENGTH:
        return "private_key", f"is longer than {MAXIMUM_LENGTH} characters"
    text = private_key.encode()
    if _is_public(private_key):
        return "private_key", "is a public key; give the private one"
    protected = _is_encrypted(text)
    if protected is None:
        return "private_key", "is not a private key that can be read (OpenSSH or PEM)"
    if protected and not passphrase:
        return "passphrase", "is needed: the private key is encrypted"
    # A passphrase given for a plain key is harmless, and common in forms that always send one.
    if protected and not _opens(text, (passphrase or "").encode()):
        return "passphrase", "does not open the private key"
    return None


def _is_public(text: str) -> bool:
    stripped = text.lstrip()
    return "PUBLIC KEY" in stripped[:64] or stripped.startswith(("ssh-", "ecdsa-", "sk-"))


def _load(text: bytes, password: bytes | None) -> None:
    if b"BEGIN OPENSSH PRIVATE KEY" in text:
        serialization.load_ssh_private_key(text, password)
    else:
        serialization.load_pem_private_key(text, password)


def _is_encrypted(text: bytes) -> bool | None:
    """Whether a key needs a passphrase; None when it is no key at all."""
    try:
        _load(text, None)
    except TypeError:  # how the library says that a password is missing
        return True
    except (ValueError, UnsupportedAlgorithm):
        return None
    return False


def _opens(text: bytes, passphrase: bytes) -> bool:
    try:
        _load(text, passphrase)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return True
