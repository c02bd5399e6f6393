"""SSH of a run: a private agent, pinned host keys, and a way to run one command on a node outside Ansible."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from engine.domain.errors import InvalidSpec, ServiceUnavailable
from engine.domain.specs import AuthMethod, SshSecrets
from engine.execution import host_keys, private_keys, run_directory
from engine.execution.host_keys import HostKey, scan_host_keys

__all__ = ["Access", "Agent", "HostKey", "LoginResult", "Place", "open_access", "scan_host_keys", "try_login"]

AGENT_START_SECONDS = 5.0
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Place(msgspec.Struct, frozen=True):
    """Where a node's SSH server listens."""

    address: str
    port: int = 22


class LoginResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one trial login."""

    success: bool
    message: str
    hostname: str = ""
    host_keys: tuple[HostKey, ...] = ()


class Agent:
    """An ssh-agent of our own that holds one key and dies with us. The key goes in through a pipe.

    `ssh-agent` is set-group-id, which would clear its parent-death signal: --no-new-privs keeps it.
    """

    def __init__(self, directory: Path, private_key: str, passphrase: str | None = None) -> None:
        self.socket = directory / "agent"
        self._key = private_keys.unlocked(private_key, passphrase)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The agent's process id; only while it runs."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        self.socket.unlink(missing_ok=True)
        environment = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"}
        command = ["ssh-agent", "-D", "-a", str(self.socket)]
        if shutil.which("setpriv"):
            command = ["setpriv", "--no-new-privs", "--pdeathsig", "KILL", *command]
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise ServiceUnavailable(
                "ssh-agent is not installed on this machine.", remedy="Install the OpenSSH client."
            ) from error
        try:
            self._wait_for_socket()
            self._add(environment | {"SSH_AUTH_SOCK": str(self.socket)})
        except BaseException:
            self.close()
            raise
        self._key = ""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the agent; the key is gone with it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def _wait_for_socket(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + AGENT_START_SECONDS
        while not _answers(self.socket):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ServiceUnavailable("ssh-agent did not start.", remedy="Run `keelyard doctor`.")
            time.sleep(0.005)

    def _add(self, environment: Mapping[str, str]) -> None:
        added = subprocess.run(
            ["ssh-add", "-q", "-"],
            input=self._key,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if added.returncode != 0:
            raise ServiceUnavailable(f"ssh-agent refused the private key: {added.stderr.strip()}.")


class Access:
    """How nodes are reached in one run: agent or password, pinned host keys, user name, all inside one
    directory.
    """

    def __init__(self, directory: Path, username: str, secrets: SshSecrets) -> None:
        self.directory = directory
        self.username = username
        self.secrets = secrets
        self.known_hosts = directory / "known_hosts"
        self.agent_socket: Path | None = None
        self.pinned: dict[str, tuple[str, ...]] = {}

    def pin(self, places: Mapping[str, Place], pinned: Mapping[str, Sequence[str]]) -> None:
        """Write the known_hosts of the run: exactly these keys and no others."""
        lines = [
            host_keys.known_hosts_line(place.address, place.port, key)
            for name, place in places.items()
            for key in pinned.get(name, ())
        ]
        self.pinned = {name: tuple(keys) for name, keys in pinned.items()}
        run_directory.write_private(self.known_hosts, "".join(lines))

    def options(self) -> list[str]:
        """The ssh options that hold for every connection: nothing from the user's or the system's ssh
        configuration.
        """
        options = {
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "4",
            "IdentityFile": "none",
        }
        if self.secrets.auth_method is AuthMethod.PASSWORD:
            options |= {
                "PreferredAuthentications": "password,keyboard-interactive",
                "PubkeyAuthentication": "no",
            }
            options |= {"NumberOfPasswordPrompts": "1", "IdentityAgent": "none"}
        else:
            options |= {"PreferredAuthentications": "publickey", "IdentityAgent": str(self.agent_socket)}
        return ["-F", "none", *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]

    def environment(self) -> dict[str, str]:
        """A minimal environment for ssh. A password comes from a private file through an askpass, never from
        here.
        """
        environment = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "HOME": str(self.directory)}
        if self.secrets.auth_method is AuthMethod.PASSWORD:
            environment |= {"SSH_ASKPASS": str(self._askpass()), "SSH_ASKPASS_REQUIRE": "force"}
        return environment

    def command(self, place: Place, *remote: str) -> list[str]:
        """An ssh command line that runs `remote` at a place; no secret is in it."""
        return [
            "ssh",
            "-T",
            *self.options(),
            "-p",
            str(place.port),
            "-l",
            self.username,
            "--",
            place.address,
            *remote,
        ]

    def forget(self) -> None:
        """Remove what holds a secret."""
        (self.directory / "password").unlink(missing_ok=True)

    def _askpass(self) -> Path:
        password = self.directory / "password"
        run_directory.write_private(password, self.secrets.password or "")
        script = self.directory / "askpass"
        run_directory.write_private(script, f"#!/bin/sh\nexec cat '{password}'\n")
        script.chmod(0o700)
        return script


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@contextmanager
def open_access(directory: Path, username: str, secrets: SshSecrets) -> Iterator[Access]:
    """Access for the length of a block: starts the agent, ends it, removes what held a secret."""
    access = Access(directory, username, secrets)
    with contextlib.ExitStack() as stack:
        stack.callback(access.forget)
        if secrets.auth_method is AuthMethod.PRIVATE_KEY:
            agent = stack.enter_context(Agent(directory, secrets.private_key or "", secrets.passphrase))
            access.agent_socket = agent.socket
        yield access


def try_login(
    place: Place,
    username: str,
    secrets: SshSecrets,
    *,
    expected: Sequence[str] = (),
    timeout: int = 15,
) -> LoginResult:
    """Log in once and ask for the host name. Shows the host keys; with `expected` ("TYPE BASE64") only those
    pass.
    """
    keys = tuple(scan_host_keys(place.address, place.port, min(timeout, host_keys.SCAN_SECONDS)))
    if not keys:
        return LoginResult(
            success=False,
            message=f"No SSH server answers at {place.address} port {place.port}. "
            "Check address, port and firewall.",
        )
    pinned = list(expected) or [key.pinned for key in keys]
    with tempfile.TemporaryDirectory(prefix="keelyard-login-", dir=_private_parent()) as name:
        try:
            with open_access(Path(name), username, secrets) as access:
                access.pin({"node": place}, {"node": pinned})
                return _login(access, place, keys, pinned, timeout)
        except InvalidSpec as error:
            return LoginResult(success=False, message=f"{error}.", host_keys=keys)


def _login(
    access: Access, place: Place, keys: tuple[HostKey, ...], pinned: Sequence[str], timeout: int
) -> LoginResult:
    try:
        answer = subprocess.run(
            access.command(place, "hostname"),
            env=access.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        message = f"{place.address} did not finish the SSH login within {timeout} s."
        return LoginResult(success=False, message=message, host_keys=keys)
    if answer.returncode == 0:
        hostname = answer.stdout.strip()
        message = f"Logged in to {hostname} as {access.username}."
        return LoginResult(success=True, message=message, hostname=hostname, host_keys=keys)
    return LoginResult(
        success=False,
        message=complaint_in_words(place.address, access.username, pinned, answer.stderr),
        host_keys=keys,
    )


def complaint_in_words(node: str, username: str, pinned: Sequence[str], complaint: str) -> str:
    """What ssh complained about, as an operator reads it: what failed, on which node, what to do next."""
    changed = host_keys.changed_message(node, pinned, complaint)
    if changed:
        return changed
    if "Permission denied" in complaint or "Too many authentication failures" in complaint:
        who = f"{username}@{node}" if username else node
        return f"SSH login to {who} was refused. Check the user name and the key or password of the cluster."
    for sign, words in (
        ("Connection refused", "refused the SSH connection. Check that sshd runs and the port is right."),
        ("timed out", "did not answer over SSH in time. Check that it is up, its address and the firewall."),
        ("No route to host", "cannot be reached: no route to host. Check its address and that it is up."),
        ("Could not resolve", "cannot be found: its name does not resolve. Use its IP address."),
        ("Connection closed", "closed the SSH connection. Look at sshd's log on the node."),
        ("Connection reset", "reset the SSH connection. Look at sshd's log on the node."),
    ):
        if sign in complaint:
            return f"{node} {words}"
    return f"{node} could not be reached over SSH: {complaint.strip() or 'ssh said nothing'}"


def _private_parent() -> str | None:
    """tmpfs for short-lived secrets, where there is one."""
    shared = Path("/dev/shm")  # noqa: S108 - TemporaryDirectory makes its own 0700 directory there
    return str(shared) if shared.is_dir() else None
