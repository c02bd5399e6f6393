from pathlib import Path

import pytest

from engine.execution import host_keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINIg5fbwYYVxaUrp0vZyeDv1PXuYYJxoPqjM1QefYaXS"
COMPLAINT = """@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @
The fingerprint for the ED25519 key sent by the remote host is
SHA256:VAa259TIteJxmUwKyfGA/aOyRxI5P358tuA4WnEN0uQ.
Please contact your system administrator.
Host key verification failed."""


def test_a_changed_key_names_node_expected_and_sent_fingerprint() -> None:
    message = host_keys.changed_message("w1", [KEY], COMPLAINT)
    assert message is not None
    assert "host key of w1 changed" in message
    assert host_keys.parse(KEY).fingerprint in message
    assert "got SHA256:VAa259TIteJxmUwKyfGA/aOyRxI5P358tuA4WnEN0uQ" in message


def test_other_complaints_are_not_about_host_keys() -> None:
    assert host_keys.changed_message("w1", [KEY], "Permission denied (publickey).") is None


def test_a_node_never_scanned_is_not_called_changed() -> None:
    message = host_keys.changed_message("w1", [], "Host key verification failed.")
    assert message is not None
    assert "could not be learned" in message


def test_other_ports_are_written_as_ssh_wants_them() -> None:
    assert host_keys.known_hosts_line("192.0.2.1", 22, KEY) == f"192.0.2.1 {KEY}\n"
    assert host_keys.known_hosts_line("192.0.2.1", 2222, KEY).startswith("[192.0.2.1]:2222 ")


def test_garbage_is_no_host_key() -> None:
    with pytest.raises(ValueError, match="TYPE BASE64"):
        host_keys.parse("ssh-rsa not*base64")


def test_keys_are_found_in_a_known_hosts_whose_last_line_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    whole = host_keys.known_hosts_line("10.0.0.1", 22, "ssh-ed25519 AAAA")
    ported = host_keys.known_hosts_line("10.0.0.2", 2222, "ssh-ed25519 BBBB")
    path.write_text(f"{whole}{ported}10.0.0.3 ssh-ed25519 CC")
    places = {"a": ("10.0.0.1", 22), "b": ("10.0.0.2", 2222), "c": ("10.0.0.3", 22), "d": ("10.0.0.2", 22)}
    assert host_keys.known_in(path, places) == {"a": ("ssh-ed25519 AAAA",), "b": ("ssh-ed25519 BBBB",)}
    assert host_keys.known_in(tmp_path / "none", places) == {}
