"""A cluster's spec as a YAML file: the body of `POST /clusters`, plus what a run without a database has to
be told.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import msgspec
import yaml

from engine.domain import catalogue, spec_rules
from engine.domain.errors import FieldProblem, InvalidSpec, NotFound
from engine.domain.specs import (
    AuthMethod,
    ClusterSpec,
    Components,
    Hardening,
    Networking,
    NodeSpec,
    SshSecrets,
    Topology,
)
from engine.execution import inventory
from engine.execution.artifacts import ArtifactsChoice

_NAMESPACE = uuid.UUID("0f6c2f4e-8f0c-5b0e-9a53-3e1b6f0f4b1d")  # ids of clusters that no database knows


class SshConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ssh_config` of the request; secrets may be left out and given on the command line."""

    username: str
    auth_method: AuthMethod = AuthMethod.PRIVATE_KEY
    private_key: str | None = None
    passphrase: str | None = None
    password: str | None = None


class SpecFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's fields. `id`, `lab`, `networking`, `artifacts` and `bundle` go beyond the request."""

    name: str
    topology: Topology
    components: Components
    nodes: tuple[NodeSpec, ...]
    ssh_config: SshConfig
    id: str = ""
    description: str = ""
    template_id: str | None = None
    hardening: Hardening = Hardening()
    networking: Networking = Networking()
    provision_immediately: bool = True
    lab: bool = False
    artifacts: ArtifactsChoice = ArtifactsChoice.AUTO
    bundle: str = ""

    def spec(self) -> ClusterSpec:
        """The cluster. Without an `id` it is derived from the name, so that every run names the same
        cluster.
        """
        return ClusterSpec(
            id=self.id or str(uuid.uuid5(_NAMESPACE, self.name)),
            name=self.name,
            topology=self.topology,
            components=self.components,
            nodes=self.nodes,
            username=self.ssh_config.username,
            hardening=self.hardening,
            networking=self.networking,
            lab=self.lab,
        )


def load(path: Path) -> SpecFile:
    """Read a spec file.

    Raises NotFound when there is none, InvalidSpec naming the field that does not fit its type.
    """
    if not path.is_file():
        raise NotFound(f"There is no spec file {path}.")
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSpec([FieldProblem(str(path), f"is not YAML: {error}")]) from error
    try:
        return msgspec.convert(document, SpecFile)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$.")
        raise InvalidSpec([FieldProblem(where.rstrip("`") or str(path), message)]) from error


def secrets(file: SpecFile, *, private_key: str | None = None, password: str | None = None) -> SshSecrets:
    """How to log in, from the file or from what the command line was given, which wins."""
    given = file.ssh_config
    if private_key is not None:
        return SshSecrets(
            auth_method=AuthMethod.PRIVATE_KEY, private_key=private_key, passphrase=given.passphrase
        )
    if password is not None:
        return SshSecrets(auth_method=AuthMethod.PASSWORD, password=password)
    return SshSecrets(
        auth_method=given.auth_method,
        private_key=given.private_key,
        passphrase=given.passphrase,
        password=given.password,
    )


def check(spec: ClusterSpec, ssh: SshSecrets) -> None:
    """Refuse a spec that breaks a rule. Raises InvalidSpec with every problem at once."""
    surroundings = spec_rules.Surroundings(
        kubernetes_versions=catalogue.supported(), own_addresses=inventory.own_addresses()
    )
    spec_rules.check(spec, ssh, surroundings)
