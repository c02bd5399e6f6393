"""Runs over real SSH, against private servers on loopback."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.domain.errors import InvalidSpec
from engine.domain.events import EventKind
from engine.domain.specs import AuthMethod, SshSecrets
from engine.domain.statuses import PhaseStatus
from engine.execution import ssh, termination
from engine.execution.runner import RunStatus
from tests.integration.runner_support import Running
from tests.standins import sshd

pytestmark = pytest.mark.skipif(not sshd.available(), reason="needs root and sshd")
PASSPHRASE = "open sesame 42"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ssh")


@pytest.fixture(scope="module")
def key(place: Path) -> tuple[str, str]:
    return sshd.keypair(place, "key", PASSPHRASE)


@pytest.fixture
def servers(place: Path, key: tuple[str, str]) -> Iterator[tuple[sshd.Server, sshd.Server]]:
    with sshd.serving(place / "one", key[1]) as one, sshd.serving(place / "two", key[1]) as two:
        yield one, two


@pytest.fixture
def secrets(key: tuple[str, str]) -> SshSecrets:
    return SshSecrets(auth_method=AuthMethod.PRIVATE_KEY, private_key=key[0], passphrase=PASSPHRASE)


def inventory(servers: tuple[sshd.Server, sshd.Server], **variables: Any) -> dict[str, Any]:
    hosts = {
        name: {"ansible_host": server.address, "ansible_port": server.port, "ansible_user": "root"}
        for name, server in zip(("one", "two"), servers, strict=True)
    }
    common = {"ansible_python_interpreter": "/usr/bin/python3"}
    return {"all": {"vars": common | variables, "hosts": hosts, "children": {"nobody": {"hosts": {}}}}}


def test_an_unlocked_key_logs_in_and_host_keys_are_learned_once(
    servers: tuple[sshd.Server, sshd.Server], secrets: SshSecrets
) -> None:
    run = Running("phases.yml", inventory=inventory(servers), secrets=secrets)
    outcome = run.finish()
    assert outcome.status is RunStatus.SUCCESS
    assert outcome.host_keys == {"one": (servers[0].pinned,), "two": (servers[1].pinned,)}
    again = Running("phases.yml", inventory=inventory(servers), secrets=secrets, host_keys=outcome.host_keys)
    assert again.finish().host_keys == {}
    assert run.left_over() == again.left_over() == []


def test_a_changed_host_key_stops_its_node_and_names_both_fingerprints(
    servers: tuple[sshd.Server, sshd.Server], secrets: SshSecrets
) -> None:
    before = servers[0].pinned, servers[0].fingerprint
    servers[0].stop()
    servers[0].new_host_key()
    servers[0].start()
    run = Running(
        "phases.yml", inventory=inventory(servers), secrets=secrets, host_keys={"one": (before[0],)}
    )
    outcome = run.finish()
    assert outcome.status is RunStatus.FAILED
    assert outcome.phases["first"] is PhaseStatus.FAILED
    assert "The host key of one changed" in outcome.failure
    assert before[1] in outcome.failure
    assert servers[0].fingerprint in outcome.failure
    assert outcome.hosts["two"].failed == outcome.hosts["two"].unreachable == 0
    assert any(event.kind is EventKind.HOST_UNREACHABLE and event.host == "one" for event in run.events)


def test_an_unreachable_node_is_told_in_words(
    servers: tuple[sshd.Server, sshd.Server], secrets: SshSecrets
) -> None:
    pinned = {"one": (servers[0].pinned,)}
    servers[0].stop()
    outcome = Running("phases.yml", inventory=inventory(servers), secrets=secrets, host_keys=pinned).finish()
    assert outcome.failure.startswith("one: one refused the SSH connection")


def test_a_wrong_key_is_told_in_words(servers: tuple[sshd.Server, sshd.Server], place: Path) -> None:
    (place / "other").unlink(missing_ok=True)
    wrong = SshSecrets(auth_method=AuthMethod.PRIVATE_KEY, private_key=sshd.keypair(place, "other")[0])
    outcome = Running("phases.yml", inventory=inventory(servers), secrets=wrong).finish()
    assert "SSH login to root@" in outcome.failure
    assert "was refused" in outcome.failure


def test_a_wrong_passphrase_is_refused_before_anything_starts(
    servers: tuple[sshd.Server, sshd.Server], key: tuple[str, str]
) -> None:
    wrong = SshSecrets(auth_method=AuthMethod.PRIVATE_KEY, private_key=key[0], passphrase="no")
    run = Running("phases.yml", inventory=inventory(servers), secrets=wrong)
    with pytest.raises(InvalidSpec, match="passphrase"):
        run.finish()
    assert run.events == []


def test_the_key_is_in_the_agent_and_nowhere_else(
    servers: tuple[sshd.Server, sshd.Server], secrets: SshSecrets, key: tuple[str, str]
) -> None:
    run = Running("long.yml", inventory=inventory(servers, sleeper="sleep 3"), secrets=secrets)
    run.wait_for(EventKind.TASK_STARTED)
    listed = subprocess.run(
        ["ssh-add", "-L"],
        env={"SSH_AUTH_SOCK": str(run.directory / "agent"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    body = "".join(key[0].splitlines()[1:-1])
    files = [path.read_bytes() for path in run.directory.rglob("*") if path.is_file()]
    outcome = run.finish()
    assert listed.stdout.split()[1] == key[1].split()[1]
    assert not any(line.encode() in content for content in files for line in (body[:40], PASSPHRASE))
    assert outcome.status is RunStatus.SUCCESS
    assert PASSPHRASE not in repr(run.events)


def test_cancel_waits_for_package_managers_on_the_nodes_and_ends_the_rest(
    servers: tuple[sshd.Server, sshd.Server], secrets: SshSecrets, place: Path
) -> None:
    started, release, done = place / "started", place / "release", place / "done"
    for path in (started, release, done):
        path.unlink(missing_ok=True)
    script = place / "apt-get"
    wait = f"until test -e {release}; do sleep 0.1; done"
    script.write_text(f"#!/bin/sh\ntouch {started}\n{wait}\ntouch {done}\n")
    script.chmod(0o755)
    given = inventory(servers)
    given["all"]["hosts"]["one"]["sleeper"] = str(script)
    run = Running("long.yml", inventory=given, secrets=secrets)
    deadline = time.monotonic() + 30
    while not (started.exists() and _on_nodes(run, "sleep 600")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.cancelled.set()
    deadline = time.monotonic() + 60
    while not any("one: waiting for apt-get" in event.message for event in list(run.events)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not done.exists()
    release.touch()
    outcome = run.finish()
    assert outcome.status is RunStatus.CANCELLED
    assert done.exists()
    assert any("one: waiting for apt-get" in line for line in outcome.remote_cleanup)
    assert _on_nodes(run, "") == []
    assert run.left_over() == []


def _on_nodes(run: Running, command: str) -> list[str]:
    """Command lines with the nodes' marker of a run; here the nodes are this machine."""
    marker = f"{termination.NODE_MARKER}={run.run_id}".encode()
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and marker in (process / "environ").read_bytes().split(b"\0"):
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                found += [line] if command in line else []
        except OSError:
            continue
    return found


def test_a_trial_login_shows_host_name_and_fingerprints(
    servers: tuple[sshd.Server, sshd.Server], secrets: SshSecrets
) -> None:
    result = ssh.try_login(ssh.Place(servers[0].address, servers[0].port), "root", secrets)
    assert result.success
    assert result.hostname == os.uname().nodename
    assert [shown.fingerprint for shown in result.host_keys] == [servers[0].fingerprint]


def test_a_trial_login_refuses_another_host_key_than_expected(
    servers: tuple[sshd.Server, sshd.Server], secrets: SshSecrets
) -> None:
    place = ssh.Place(servers[0].address, servers[0].port)
    result = ssh.try_login(place, "root", secrets, expected=[servers[1].pinned])
    assert not result.success
    assert servers[0].fingerprint in result.message


def test_a_trial_login_with_a_refused_password_says_so(servers: tuple[sshd.Server, sshd.Server]) -> None:
    password = SshSecrets(auth_method=AuthMethod.PASSWORD, password="wrong")
    result = ssh.try_login(ssh.Place(servers[0].address, servers[0].port), "root", password)
    assert not result.success
    assert "was refused" in result.message
