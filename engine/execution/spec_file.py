"""A cluster's spec as a YAML file: the body of `POST /clusters`, plus what a run without a database has to
be told.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from engine.domain import catalogue, spec_rules
from engine.domain.errors import FieldProblem, InvalidSpec, NotFound
from engine.domain.hardening import HardeningException
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
from engine.execution import hardening_catalogue, inventory
from engine.execution.artifacts import ArtifactsChoice

_NAMESPACE = uuid.UUID("0f6c2f4e-8f0c-5b0e-9a53-3e1b6f0f4b1d")  # ids of clusters that no database knows


class SshConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ssh_config` of the request; secrets may be left out and given on the command line.

    `private_key_file`, `passphrase_file` and `password_file` name files beside the spec file.
    """

    username: str
    auth_method: AuthMethod = AuthMethod.PRIVATE_KEY
    private_key: str | None = None
    passphrase: str | None = None
    password: str | None = None
    private_key_file: str | None = None
    passphrase_file: str | None = None
    password_file: str | None = None


class ExceptionPart(HardeningException, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of `hardening.exceptions`: a misspelt member must not be taken for none."""


class HardeningPart(Hardening, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`hardening` of the request, as strict as there."""

    exceptions: tuple[ExceptionPart, ...] = ()


class SpecFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's fields. `kind`, `id`, `artifacts` and `bundle` go beyond the request."""

    name: str
    topology: Topology
    components: Components
    nodes: tuple[NodeSpec, ...]
    ssh_config: SshConfig
    kind: Literal["Cluster"] = "Cluster"  # of several kinds of documents that `keelyard apply` takes
    id: str = ""
    description: str = ""
    template_id: str | None = None
    hardening: HardeningPart = HardeningPart()
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
        file = msgspec.convert(document, SpecFile)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$.")
        raise InvalidSpec([FieldProblem(where.rstrip("`") or str(path), message)]) from error
    return msgspec.structs.replace(file, ssh_config=_with_files(file.ssh_config, path.parent))


def _with_files(login: SshConfig, folder: Path) -> SshConfig:
    """With the secrets that stand in files of their own. Raises InvalidSpec naming the field."""
    found: dict[str, str] = {}
    for secret in ("private_key", "passphrase", "password"):
        named = getattr(login, f"{secret}_file")
        if named is None or getattr(login, secret):
            continue
        try:
            text = (folder / Path(named).expanduser()).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as unreadable:
            why = getattr(unreadable, "strerror", None) or "it is not a text file"
            problem = FieldProblem(f"ssh_config.{secret}_file", f"{named} cannot be read: {why}")
            raise InvalidSpec([problem]) from unreadable
        found[secret] = text if secret == "private_key" else text.rstrip("\r\n")  # noqa: S105  a field
    return msgspec.structs.replace(login, **found)


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
        kubernetes_versions=catalogue.supported(),
        hardening_items=hardening_catalogue.items(),
        own_addresses=inventory.own_addresses(),
    )
    spec_rules.check(spec, ssh, surroundings)
