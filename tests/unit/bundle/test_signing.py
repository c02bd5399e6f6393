"""The signing key is made once, is secret, and its public half follows it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448

from engine.bundle import signing
from engine.domain.errors import ArtifactRejected


def test_the_key_is_made_once_and_readable_by_its_owner_alone(home: Path) -> None:
    first = signing.obtain_private_key()

    assert signing.obtain_private_key().private_bytes_raw() == first.private_bytes_raw()
    assert stat.S_IMODE((home / "keys/bundle-signing.pem").stat().st_mode) == 0o600
    assert [path.name for path in (home / "keys").iterdir() if path.suffix not in {".pem", ".pub"}] == []


def test_a_signature_holds_for_its_message_and_its_key_alone(home: Path) -> None:
    signature = signing.sign(signing.obtain_private_key(), b"message")
    public = signing.load_public_key(home / "keys/bundle-signing.pub")

    assert signing.check(public, b"message", signature)
    assert not signing.check(public, b"another", signature)


def test_a_lost_public_key_is_written_again(home: Path) -> None:
    signing.obtain_private_key()
    signing.public_key_path().unlink()

    signing.obtain_private_key()

    assert signing.public_key_path().exists()


def test_a_key_of_another_kind_is_refused(home: Path) -> None:
    path = signing.private_key_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(
        ed448.Ed448PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )

    with pytest.raises(ArtifactRejected, match="not an Ed25519 key"):
        signing.obtain_private_key()
