"""`keelyard export`: a cluster as files for plain `ansible-playbook`, for the day when nothing else runs."""

from __future__ import annotations

import asyncio
import secrets as random
from pathlib import Path

import click
import msgspec

from engine.domain.specs import ClusterSpec, SshSecrets
from engine.execution.artifacts import Artifacts, ArtifactsChoice

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("cluster", required=False)
@click.option(
    "--spec", "spec_path", type=_PATH, help="A spec file instead of CLUSTER: no database is needed."
)
@click.option("--to", type=_PATH, required=True, metavar="DIR", help="Directory to write, 0700.")
@click.option(
    "--vault-password-file", type=_PATH, help="Password of the encrypted file; default: a new one, printed."
)
@click.option("--ssh-key", type=_PATH, help="Private key file, when the spec file holds none.")
@click.option(
    "--artifacts",
    type=click.Choice([choice.value for choice in ArtifactsChoice]),
    help="Where binaries and images come from.",
)
@click.option("--bundle", type=_PATH, help="Bundle directory.")
@click.option(
    "--bundle-public-key",
    type=_PATH,
    envvar="KEELYARD_BUNDLE_PUBLIC_KEY",
    help="Key that checks the bundle's signature; default: this machine's own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(
    cluster: str | None,
    spec_path: Path | None,
    to: Path,
    vault_password_file: Path | None,
    ssh_key: Path | None,
    artifacts: str | None,
    bundle: Path | None,
    bundle_public_key: Path | None,
    as_json: bool,
) -> None:
    """Write CLUSTER (id or name) as inventory, variables and encrypted secrets for plain
    `ansible-playbook`.
    """
    from engine.execution import export as exports

    if (cluster is None) == (spec_path is None):
        raise click.UsageError("Name a CLUSTER or give --spec FILE, one of the two.")
    if spec_path is not None:
        spec, secrets, software = _from_file(spec_path, ssh_key, artifacts, (bundle, bundle_public_key))
    else:
        spec, secrets, software = _from_database(str(cluster), artifacts, (bundle, bundle_public_key))
    password = _password(vault_password_file)
    done = exports.write(spec, secrets, software, to=to, vault_password=password)
    command = (
        done.command.replace("FILE", str(vault_password_file.absolute()))
        if vault_password_file
        else done.command
    )
    if as_json:
        shown = {"directory": str(done.directory), "command": command}
        shown |= {} if vault_password_file else {"vault_password": password}
        click.echo(msgspec.json.encode(shown).decode())
        return
    click.echo(f"{spec.name} is in {done.directory}. With nothing else running:\n\n  {command}\n", err=True)
    if not vault_password_file:
        click.echo("The password of its secrets, shown this once; put it into FILE:", err=True)
        click.echo(password)


def _from_file(
    path: Path, ssh_key: Path | None, choice: str | None, bundle: tuple[Path | None, Path | None]
) -> tuple[ClusterSpec, SshSecrets, Artifacts]:
    from engine.execution import known_nodes, spec_file
    from engine.processes import local_artifacts

    file = spec_file.load(path)
    secrets = spec_file.secrets(file, private_key=ssh_key.read_text(encoding="utf-8") if ssh_key else None)
    spec = file.spec()
    spec_file.check(spec, secrets)
    software = local_artifacts.choose(
        ArtifactsChoice(choice) if choice else file.artifacts,
        bundle[0] or (Path(file.bundle) if file.bundle else None),
        kubernetes=spec.components.kubernetes_version,
        public_key=bundle[1],
    )
    return known_nodes.complete(spec, known_nodes.load(spec.id)), secrets, software


def _from_database(
    reference: str, choice: str | None, bundle: tuple[Path | None, Path | None]
) -> tuple[ClusterSpec, SshSecrets, Artifacts]:
    from engine.processes import composition, local_artifacts
    from engine.services import settings

    configured = settings.load()
    url = composition.database_url(configured)
    spec, secrets = asyncio.run(_load(reference, url, configured.encryption_key))
    software = local_artifacts.choose(
        ArtifactsChoice(choice or configured.keelyard_artifacts),
        bundle[0] or configured.bundle,
        kubernetes=spec.components.kubernetes_version,
        public_key=bundle[1],
    )
    return spec, secrets, software


async def _load(reference: str, url: str, encryption_key: str) -> tuple[ClusterSpec, SshSecrets]:
    from engine.services import clusters
    from engine.services.encryption import Cipher
    from engine.store import database

    await database.connect(url)
    try:
        return await clusters.load_spec(reference, Cipher(encryption_key))
    finally:
        await database.close()


def _password(file: Path | None) -> str:
    if file is None:
        return random.token_urlsafe(32)
    if not file.is_file():
        raise click.BadParameter(f"There is no vault password file {file}.")
    return file.read_text(encoding="utf-8").strip()
