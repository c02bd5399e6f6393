"""Private keys of every common form, right and wrong."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from engine.domain import private_keys

KEYS = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}
FORMATS = {
    "openssh": serialization.PrivateFormat.OpenSSH,
    "pkcs8": serialization.PrivateFormat.PKCS8,
}


def text(kind: str, form: str, passphrase: str | None = None) -> str:
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    return KEYS[kind].private_bytes(serialization.Encoding.PEM, FORMATS[form], encryption).decode()


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("form", FORMATS)
def test_keys_open_with_what_opens_them_and_with_nothing_else(kind: str, form: str) -> None:
    plain, locked = text(kind, form), text(kind, form, "right words")

    assert private_keys.problem(plain, None) is None
    assert private_keys.problem(plain, "not needed") is None
    assert private_keys.problem(locked, "right words") is None
    for passphrase in (None, "", "wrong words"):
        found = private_keys.problem(locked, passphrase)
        assert found is not None
        assert found[0] == "passphrase"


def test_what_is_no_private_key() -> None:
    public = (
        KEYS["ed25519"]
        .public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    )
    whole = text("ed25519", "openssh")
    for wrong in ("", "x", public.decode(), whole[:100] + whole[110:], whole * 200):
        found = private_keys.problem(wrong, None)
        assert found is not None
        assert found[0] == "private_key"
