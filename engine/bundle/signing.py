"""The Ed25519 key pair that vouches for bundles, and signatures over their checksum list."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from engine import content
from engine.domain.errors import ArtifactRejected, NotFound


def private_key_path() -> Path:
    """Where the signing key is kept, readable by its owner alone."""
    return content.home() / "keys" / "bundle-signing.pem"


def public_key_path() -> Path:
    """Where the key that checks this machine's bundles is kept."""
    return content.home() / "keys" / "bundle-signing.pub"


def obtain_private_key() -> Ed25519PrivateKey:
    """The signing key, made on first use; the public key is (re)written beside it.

    Raises:
        ArtifactRejected: the key file holds something else.
    """
    path = private_key_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _write_once(path, Ed25519PrivateKey.generate())
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ArtifactRejected(
            f"{path} is not an Ed25519 key.", remedy="Move it away; a build makes a new one."
        )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if not public_key_path().exists() or public_key_path().read_bytes() != public:
        public_key_path().write_bytes(public)
    return key


def _write_once(path: Path, key: Ed25519PrivateKey) -> None:
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    partial = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(encoded)
    partial.rename(path)


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in PEM file `path`.

    Raises:
        NotFound: there is no such file.
        ArtifactRejected: it holds something else.
    """
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(
            f"There is no public key at {path}.",
            remedy="Bring bundle-signing.pub from where the bundle was built and name it with --public-key.",
        ) from None
    except ValueError as error:
        raise _wrong_key(path) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _wrong_key(path)
    return key


def _wrong_key(path: Path) -> ArtifactRejected:
    return ArtifactRejected(
        f"{path} is not an Ed25519 public key in PEM form.", remedy="Name the right file."
    )


def sign(key: Ed25519PrivateKey, message: bytes) -> bytes:
    """Signature over `message`, base64, one line."""
    return base64.b64encode(key.sign(message)) + b"\n"


def check(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is the key's over `message`."""
    try:
        key.verify(base64.b64decode(signature.strip(), validate=True), message)
    except (InvalidSignature, binascii.Error):
        return False
    return True
