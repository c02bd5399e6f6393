"""A change that could lock its owner out stays once a new connection confirms it; else the node undoes it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import lab as labs
from tests.nodes.conftest import LabMaker, Shell

ROOT = Path(__file__).parents[2]
DROP_IN = "/etc/ssh/sshd_config.d/10-guarded.conf"
BEGIN = """
    - change_guard:
        name: ssh
        state: begin
        paths: [/etc/ssh/sshd_config.d, /etc/keelyard-guarded]
        validate: sshd -t
        reload: systemctl reload ssh
        seconds: {seconds}
        longest: {longest}
"""
WRITE = """
    - ansible.builtin.copy: {{content: "{text}\\n", dest: {path}, mode: "0600"}}
"""
CONFIRM = """
    - change_guard: {name: ssh, state: confirm}
"""


class Node:
    """The one node, and plays on it."""

    def __init__(self, lab: labs.Lab, shell: Shell, folder: Path) -> None:
        self.lab, self.shell, self.folder = lab, shell, folder

    def command(self, tasks: str) -> list[str]:
        """The command of a play with some tasks, with connections of its own."""
        play = self.folder / "play.yml"
        play.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
        node = self.lab.nodes[0]
        inventory = self.folder / "hosts"
        inventory.write_text(
            f"{node.name} ansible_host={node.address} ansible_user=root "
            "ansible_python_interpreter=/usr/bin/python3 "
            f"ansible_ssh_private_key_file={self.lab.private_key} "
            f"ansible_ssh_common_args='-o UserKnownHostsFile={self.lab.known_hosts}'\n"
        )
        return [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), str(play)]

    def play(self, tasks: str) -> subprocess.CompletedProcess[str]:
        """Plays tasks to their end."""
        return subprocess.run(self.command(tasks), cwd=ROOT, capture_output=True, text=True, check=False)

    def run(self, command: str) -> str:
        """Runs a command."""
        return self.shell(self.lab, self.lab.nodes[0], command)

    def holds(self, command: str) -> bool:
        """Whether a command succeeds on the node, which answers."""
        node = self.lab.nodes[0]
        return self.shell(self.lab, node, f"{command} && echo yes || true", check=False) == "yes"


@pytest.fixture(scope="module")
def small_lab(make_lab: LabMaker) -> Iterator[labs.Lab]:
    with make_lab(nodes=1) as lab:
        yield lab


@pytest.fixture
def node(small_lab: labs.Lab, on_node: Shell, tmp_path: Path) -> Iterator[Node]:
    node = Node(small_lab, on_node, tmp_path)
    yield node
    node.play("    - change_guard: {name: ssh, state: rollback}\n")
    node.run(f"rm -f {DROP_IN} /etc/keelyard-guarded; systemctl reload ssh")


def begin(seconds: int = 90, longest: int = 900) -> str:
    return BEGIN.format(seconds=seconds, longest=longest)


def write(text: str, path: str = DROP_IN) -> str:
    return WRITE.format(text=text, path=path)


def test_a_confirmed_change_stays_and_a_second_run_changes_nothing(node: Node):
    tasks = begin() + write("MaxAuthTries 3") + CONFIRM

    first, second = node.play(tasks), node.play(tasks)

    assert first.returncode == 0, first.stdout
    assert "changed=2 " in first.stdout
    assert "changed=0 " in second.stdout
    assert "maxauthtries 3" in node.run("sshd -T")
    assert node.run("systemctl list-units --all --no-legend 'keelyard-guard-*'") == ""
    assert not node.holds("ls /etc/systemd/system/sysinit.target.wants/keelyard-guard-*")


def test_files_that_do_not_pass_their_check_are_put_back_at_once(node: Node):
    played = node.play(begin() + write("NoSuchOption yes") + CONFIRM)

    assert played.returncode == 2
    assert "The old files were put back and nothing has changed" in played.stdout
    assert not node.holds(f"test -e {DROP_IN}")


def test_a_change_that_locks_out_is_undone_by_the_node_and_the_run_says_when(
    node: Node, eventually: Callable[..., None]
):
    played = node.play(begin(seconds=15) + write("DenyUsers root") + CONFIRM)

    assert played.returncode != 0
    assert "The node puts its old files back by itself at" in played.stdout
    eventually(lambda: node.holds(f"test ! -e {DROP_IN}"))


@pytest.mark.parametrize("written", [DROP_IN, "/etc/keelyard-guarded"])
def test_without_a_controller_the_node_undoes_the_change(
    node: Node, written: str, eventually: Callable[..., None]
):
    last_words = "    - ansible.builtin.command: sleep 600\n"
    running = subprocess.Popen(
        node.command(begin(longest=20) + write("MaxAuthTries 2", written) + last_words),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: node.holds(f"grep -q MaxAuthTries {written}"))
    finally:
        running.kill()
        running.wait()

    eventually(lambda: node.holds(f"test ! -e {written}"), 120)


def test_a_restart_undoes_the_change_before_anything_reads_it(node: Node, eventually: Callable[..., None]):
    applied = "    - change_guard: {name: ssh, state: apply}\n"
    played = node.play(begin(seconds=900) + write("MaxAuthTries 2") + applied)
    assert played.returncode == 0, played.stdout
    started = node.run("stat -c %Z /proc/1")
    assert "maxauthtries 2" in node.run("sshd -T")

    node.shell(node.lab, node.lab.nodes[0], "systemctl reboot", check=False)
    eventually(lambda: node.holds(f"test $(stat -c %Z /proc/1) != {started}"), 120)

    assert node.holds(f"test ! -e {DROP_IN}")
    assert "maxauthtries 6" in node.run("sshd -T")
    assert "put its old files back at" in node.play(CONFIRM).stdout
