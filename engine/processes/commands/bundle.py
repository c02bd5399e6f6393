"""`keelyard bundle`: everything a node needs in one signed folder, for places without a way out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.bundle.manifest import Manifest
from engine.domain import catalogue
from engine.domain.catalogue import Release

if TYPE_CHECKING:
    from rich.table import Table


@click.group()
def bundle() -> None:
    """Build, check and look at bundles: all a cluster needs, in one signed folder.

    A node provisioned from a bundle needs no network but SSH.
    """


@bundle.command()
@click.option(
    "--to", type=click.Path(path_type=Path), help="Folder to write; default: bundle in KEELYARD_HOME."
)
@click.option(
    "--kubernetes", "version", metavar="VERSION", help="Kubernetes version or minor; default: 1.36."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build(to: Path | None, version: str | None, *, as_json: bool) -> None:
    """Build a bundle and sign it.

    Everything is compiled from released Go modules, each pinned by checksum, and from Debian packages;
    official binaries are not downloaded. The first build takes about 15 minutes on two cores, later ones
    seconds: what was built is kept in KEELYARD_CACHE.
    """
    from engine.bundle import build as builder

    made = builder.build(to, release=_release(version), report=lambda line: click.echo(line, err=True))
    found = {"path": str(made.path), "digest": made.digest}
    click.echo(_json(found) if as_json else "\n".join(found.values()))


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option(
    "--public-key", type=click.Path(path_type=Path), help="PEM file; default: the key of this machine."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(path: Path | None, public_key: Path | None, *, as_json: bool) -> None:
    """Check signature, checksums and that no file is too many; exit code 1 when anything does not hold."""
    from engine.bundle import build as builder
    from engine.bundle import verification

    verified = verification.verify(path or builder.default_path(), public_key)
    if as_json:
        click.echo(_json({"path": str(verified.path), "digest": verified.digest, "verified": True}))
        return
    manifest = verified.manifest
    click.echo(f"{verified.path}: signature and {len(manifest.files)} files hold")
    click.echo(f"Kubernetes {manifest.kubernetes_version}, digest {verified.digest}")


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
def show(path: Path | None, *, as_json: bool) -> None:
    """Print what a bundle holds, without checking it."""
    from engine.bundle import build as builder
    from engine.bundle import verification

    place = path or builder.default_path()
    manifest = verification.read_manifest(place)
    if as_json:
        click.echo(manifest.encode(), nl=False)
        return
    _print(place, manifest, verification.digest_of(place))


def _release(version: str | None) -> Release:
    if version is None:
        return catalogue.DEFAULT
    if found := catalogue.find(version):
        return found
    raise click.BadParameter(f"{version} is not supported; choose from {', '.join(catalogue.supported())}")


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


def _print(place: Path, manifest: Manifest, digest: str) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    head = f"Kubernetes {manifest.kubernetes_version}, {manifest.architecture}, made {manifest.created_at}"
    console.print(f"{place}: {head}", soft_wrap=True)
    console.print(f"digest {digest}\n", soft_wrap=True)
    components = [(entry.name, entry.version, entry.source) for entry in manifest.components]
    console.print(_table(("Component", "Version", "Source"), components), "")
    images = [(image.reference, image.file) for image in manifest.images]
    console.print(_table(("Image", "Archive"), images), "")
    console.print(_table(("File", "MiB"), [(name, _size(place / name)) for name in sorted(manifest.files)]))


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        # Folded, never cut: a reference without its end is of no use.
        table.add_column(heading, overflow="fold", justify="right" if heading == "MiB" else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _size(file: Path) -> str:
    return f"{file.stat().st_size / 2**20:.1f}" if file.is_file() else "missing"
