"""Secrets at rest."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from engine.domain.errors import MisconfiguredServer
from engine.domain.specs import AuthMethod, SshSecrets
from engine.services.encryption import Cipher

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_what_an_old_key_encrypted_is_read_with_the_new_one_in_front():
    """Keys rotate without a stop."""
    token = Cipher(OLD).encrypt("secret")
    rotated = Cipher(f"{NEW},{OLD}").rotate(token)

    assert "secret" not in token
    assert Cipher(NEW).decrypt(rotated) == "secret"


def test_a_lost_key_is_said_plainly():
    """With what to do about it."""
    with pytest.raises(MisconfiguredServer, match="none of the keys"):
        Cipher(NEW).decrypt(Cipher(OLD).encrypt("secret"))


@pytest.mark.parametrize("keys", ["", "short", "dev-secret-key"])
def test_what_is_no_key_is_refused(keys):
    """Before anything is encrypted with it."""
    with pytest.raises(MisconfiguredServer, match="ENCRYPTION_KEY"):
        Cipher(keys)


def test_ssh_secrets_survive_the_round_trip():
    """Keys with newlines, and what is not set."""
    secrets = SshSecrets(auth_method=AuthMethod.PRIVATE_KEY, private_key="-----BEGIN\nä\n", passphrase="p")
    cipher = Cipher(NEW)

    assert cipher.decrypt_secrets(cipher.encrypt_secrets(secrets)) == secrets
