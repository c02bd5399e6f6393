"""A private OpenSSH server on loopback: real protocol, own host key, one authorised key. No service
is touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.execution import host_keys

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


def available() -> bool:
    """Whether this machine can run a private server: root logs in as itself, and sshd is installed."""
    return os.geteuid() == 0 and Path(SSHD).is_file()


def keypair(directory: Path, name: str, passphrase: str = "") -> tuple[str, str]:
    """A new Ed25519 key: private text, public text."""
    path = directory / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(path)], check=True
    )
    return path.read_text(), path.with_suffix(".pub").read_text()


class Server:
    """One running server."""

    def __init__(self, directory: Path, authorized: str, port: int) -> None:
        self.directory = directory
        self.address = "127.0.0.1"
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None
        (directory / "authorized_keys").write_text(authorized)

    @property
    def pinned(self) -> str:
        """Its host key as "TYPE BASE64"."""
        return " ".join((self.directory / "host_key.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """Its host key's fingerprint."""
        return host_keys.parse(self.pinned).fingerprint

    def new_host_key(self) -> None:
        """Give it another identity; takes effect at the next start."""
        for name in ("host_key", "host_key.pub"):
            (self.directory / name).unlink(missing_ok=True)
        keypair(self.directory, "host_key")

    def start(self) -> None:
        """Start listening."""
        Path("/run/sshd").mkdir(exist_ok=True)
        config = self.directory / "sshd_config"
        config.write_text(
            f"ListenAddress {self.address}:{self.port}\nHostKey {self.directory}/host_key\n"
            f"AuthorizedKeysFile {self.directory}/authorized_keys\nPidFile none\nUsePAM no\n"
            "StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nMaxStartups 100\n"
        )
        self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex((self.address, self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("sshd did not start")

    def stop(self) -> None:
        """Stop listening."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def serving(directory: Path, authorized: str) -> Iterator[Server]:
    """A server for the length of a block."""
    directory.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(directory, authorized, port)
    server.new_host_key()
    server.start()
    try:
        yield server
    finally:
        server.stop()
