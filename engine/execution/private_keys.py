"""SSH private keys in memory: decrypted with their passphrase before the agent gets them."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization

from engine.domain import private_keys as rules
from engine.domain.errors import FieldProblem, InvalidSpec


def unlocked(private_key: str, passphrase: str | None) -> str:
    """The key without its passphrase, in OpenSSH's own format; it never leaves memory.

    Raises InvalidSpec naming `ssh_config.private_key` or `ssh_config.passphrase`.
    """
    text = private_key.replace("\r\n", "\n").strip() + "\n"
    if problem := rules.problem(text, passphrase):
        raise InvalidSpec([FieldProblem(f"ssh_config.{problem[0]}", problem[1])])
    load = (
        serialization.load_ssh_private_key
        if "BEGIN OPENSSH PRIVATE KEY" in text
        else serialization.load_pem_private_key
    )
    try:
        key = load(text.encode(), None)
    except TypeError:  # how the library says that a password is missing
        key = load(text.encode(), (passphrase or "").encode())
    try:
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        ).decode()
    except (AttributeError, ValueError) as error:
        raise InvalidSpec(
            [FieldProblem("ssh_config.private_key", "is of a type that OpenSSH cannot use")]
        ) from error
