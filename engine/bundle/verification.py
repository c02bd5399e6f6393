"""Is a bundle what its maker signed: signature, checksums, no file more or less, a manifest that agrees."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from engine.bundle import manifest as manifests
from engine.bundle import signing
from engine.bundle.manifest import CHECKSUMS, MANIFEST, SIGNATURE, Manifest
from engine.domain.errors import ArtifactRejected, NotFound

_AGAIN = "Fetch the bundle again, or build it with `keelyard bundle build`."


class VerifiedBundle(msgspec.Struct, frozen=True):
    """A bundle that holds. `digest` (SHA-256 of the checksum list, hex) stands for all of its content."""

    path: Path
    digest: str
    manifest: Manifest


def digest_of(path: Path) -> str:
    """SHA-256 of the bundle's checksum list, hex."""
    return hashlib.sha256(_read(path, CHECKSUMS)).hexdigest()


def read_manifest(path: Path) -> Manifest:
    """The manifest of the bundle at `path`, unchecked.

    Raises:
        NotFound: there is no bundle.
        ArtifactRejected: the manifest cannot be read.
    """
    return manifests.decode(_read(path, MANIFEST))


def verify(path: Path, public_key: Path | None = None, *, kubernetes: str | None = None) -> VerifiedBundle:
    """Checks the bundle at `path` with `public_key` (a PEM file; this machine's own when None).

    With `kubernetes` (a version, or a minor such as `1.36`) it must be a bundle of that version.

    Raises:
        NotFound: there is no bundle, or no public key.
        ArtifactRejected: something does not hold; says what.
    """
    checksums_file = _read(path, CHECKSUMS)
    signature = _read(path, SIGNATURE)
    key_path = public_key or signing.public_key_path()
    if not signing.check(signing.load_public_key(key_path), checksums_file, signature):
        raise ArtifactRejected(
            f"The signature of the bundle at {path} does not hold with the key {key_path}.",
            remedy="The checksums were changed, or another key signed them: ask where the bundle comes from.",
        )
    checksums = manifests.decode_checksums(checksums_file)
    _check_listed(path, set(checksums))
    for name, checksum in checksums.items():
        _check_file(path, name, checksum)
    manifest = read_manifest(path)
    _check_agreement(manifest, checksums)
    _check_version(path, manifest.kubernetes_version, kubernetes)
    return VerifiedBundle(path, hashlib.sha256(checksums_file).hexdigest(), manifest)


def _read(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"There is no bundle at {path}: {name} is missing.",
            remedy="Build one with `keelyard bundle build`, or name the folder it is in.",
        ) from None


def _check_listed(path: Path, listed: set[str]) -> None:
    found = set()
    for entry in path.rglob("*"):
        name = entry.relative_to(path).as_posix()
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            raise ArtifactRejected(f"{path}/{name} is neither a file nor a folder.", remedy=_AGAIN)
        if entry.is_file():
            found.add(name)
    if extra := sorted(found - listed - {CHECKSUMS, SIGNATURE}):
        raise ArtifactRejected(
            f"The bundle at {path} holds files its checksums do not list: {', '.join(extra)}.",
            remedy="Remove them, or fetch the bundle again.",
        )
    if missing := sorted(listed - found):
        raise ArtifactRejected(f"The bundle at {path} lacks {', '.join(missing)}.", remedy=_AGAIN)


def _check_file(path: Path, name: str, checksum: str) -> None:
    with (path / name).open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != checksum:
        raise ArtifactRejected(
            f"{path}/{name} is not what was signed: its checksum is {actual}, expected {checksum}.",
            remedy=_AGAIN,
        )


def _check_version(path: Path, held: str, wanted: str | None) -> None:
    if wanted is None or wanted.removeprefix("v") in {held, held.rpartition(".")[0]}:
        return
    raise ArtifactRejected(
        f"The bundle at {path} holds Kubernetes {held}, not {wanted}.",
        remedy=f"Build the right one with `keelyard bundle build --kubernetes {wanted}`.",
    )


def _check_agreement(manifest: Manifest, checksums: dict[str, str]) -> None:
    others = {name: checksum for name, checksum in checksums.items() if name != MANIFEST}
    if manifest.files != others:
        differing = sorted({name for name, _ in manifest.files.items() ^ others.items()})
        raise ArtifactRejected(
            f"{MANIFEST} and {CHECKSUMS} disagree on {', '.join(differing)}.", remedy=_AGAIN
        )
    if lost := sorted({image.file for image in manifest.images} - set(manifest.files)):
        raise ArtifactRejected(
            f"{MANIFEST} names image archives that are not there: {', '.join(lost)}.", remedy=_AGAIN
        )
