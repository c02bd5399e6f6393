"""Writes a cluster as files for plain `ansible-playbook`: nothing of Keelyard has to run to use them.

DIR/inventory/hosts.yml                       groups, addresses, users
DIR/inventory/group_vars/all/cluster.yml      the cluster's variables
DIR/inventory/group_vars/all/secrets.yml      key or password, encrypted by ansible-vault
DIR/known_hosts DIR/ansible.cfg DIR/output/   paths in them are relative: DIR may be moved
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import yaml

from engine import content
from engine.domain.errors import Conflict, RunFailed
from engine.domain.specs import AuthMethod, ClusterSpec, SshSecrets
from engine.execution import host_keys, inventory, run_directory
from engine.execution.artifacts import Artifacts

_OWN = (".keelyard-export", "ansible.cfg", "inventory", "known_hosts", "output")
_FROM_INVENTORY = "{{ inventory_dir | dirname }}"


class Exported(msgspec.Struct, frozen=True):
    """Where an export lies and how it is used."""

    directory: Path
    command: str


def write(
    spec: ClusterSpec, secrets: SshSecrets, artifacts: Artifacts, *, to: Path, vault_password: str
) -> Exported:
    """Write the export into a directory, 0700; an earlier export there is replaced.

    Raises Conflict when the directory holds something else, RunFailed when ansible-vault does not work.
    """
    to = to.absolute()
    encrypted = _encrypt(inventory.to_yaml(_secret_variables(secrets)), vault_password)
    _prepare(to)
    built = inventory.build(spec, artifacts=artifacts, output_directory=to / "output", run_id="by-hand")
    variables = {key: value for key, value in built["all"].pop("vars").items() if key != "keelyard_run_id"}
    variables.pop("keelyard_output_dir")
    group_variables = to / "inventory" / "group_vars" / "all"
    run_directory.write_private(to / "inventory" / "hosts.yml", inventory.to_yaml(built))
    run_directory.write_private(
        group_variables / "cluster.yml",
        inventory.to_yaml(variables) + yaml.safe_dump(_connection_variables()),
    )
    run_directory.write_private(group_variables / "secrets.yml", encrypted)
    run_directory.write_private(to / "known_hosts", _known_hosts(spec))
    run_directory.write_private(to / "ansible.cfg", _settings())
    command = (
        f"ANSIBLE_CONFIG={to}/ansible.cfg ansible-playbook -i {to}/inventory "
        f"{content.playbooks()}/provision.yml --vault-password-file FILE"
    )
    return Exported(directory=to, command=command)


def _prepare(to: Path) -> None:
    """An empty 0700 directory, or an earlier export without its old files. `output` is kept: results are
    there.
    """
    if to.exists() and any(to.iterdir()) and not (to / _OWN[0]).is_file():
        raise Conflict(f"{to} is not empty and is not an export.", remedy="Name another directory.")
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    to.chmod(0o700)
    run_directory.write_private(to / _OWN[0], "Made by `keelyard export`; it may be made again at will.\n")
    shutil.rmtree(to / "inventory", ignore_errors=True)
    (to / "output").mkdir(exist_ok=True, mode=0o700)


def _secret_variables(secrets: SshSecrets) -> dict[str, Any]:
    if secrets.auth_method is AuthMethod.PASSWORD:
        return {"ansible_password": secrets.password, "ansible_become_password": secrets.password}
    variables = {"ansible_ssh_private_key": secrets.private_key}
    if secrets.passphrase:
        variables["ansible_ssh_private_key_passphrase"] = secrets.passphrase
    return variables


def _connection_variables() -> dict[str, str]:
    """Templates on purpose: they find their files wherever the directory was moved to."""
    return {
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={_FROM_INVENTORY}/known_hosts "
        "-o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=accept-new -o IdentityFile=none",
        "keelyard_output_dir": f"{_FROM_INVENTORY}/output",
    }


def _known_hosts(spec: ClusterSpec) -> str:
    return "".join(
        host_keys.known_hosts_line(node.ip_address, node.ssh_port, key)
        for node in spec.nodes
        for key in node.host_keys
    )


def _settings() -> str:
    playbooks = content.playbooks().absolute()
    return f"""\
[defaults]
inventory = inventory
roles_path = {content.roles().absolute()}
library = {playbooks}/library
module_utils = {playbooks}/module_utils
action_plugins = {playbooks}/action_plugins
filter_plugins = {playbooks}/filter_plugins
gathering = explicit
inject_facts_as_vars = False
host_key_checking = True
forks = 20
retry_files_enabled = False
nocows = True
timeout = 20
# Short: the agent's socket lies below it (such paths have about 100 characters). Every run makes its own.
local_tmp = /tmp

[connection]
# The private key goes from the encrypted file straight into an agent that ends with the run.
ssh_agent = auto

[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=600s
"""


def _encrypt(text: str, password: str) -> str:
    """The text as ansible-vault writes it. The text goes through pipes, the password through a private
    file.
    """
    beside = Path(sys.executable).parent / "ansible-vault"
    vault = [sys.executable, str(beside)] if beside.is_file() else ["ansible-vault"]
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a 0700 directory of our own in it
    with tempfile.TemporaryDirectory(prefix="keelyard-vault-", dir=shared) as scratch:
        password_file = Path(scratch) / "password"
        run_directory.write_private(password_file, password)
        done = subprocess.run(
            [*vault, "encrypt", "--vault-password-file", str(password_file), "--output", "-", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise RunFailed(f"ansible-vault could not encrypt the secrets: {done.stderr.strip()}")
    return done.stdout
