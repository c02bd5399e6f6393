"""Builds a bundle: obtains its parts and puts them, listed, hashed and signed, in one folder."""

from __future__ import annotations

import datetime
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from engine import content
from engine.bundle import archives, parts, scanners, signing
from engine.bundle import manifest as manifests
from engine.bundle.cache import Cache
from engine.bundle.components import go_components
from engine.bundle.manifest import CHECKSUMS, MANIFEST, SIGNATURE, Manifest
from engine.bundle.parts import Obtained, Report
from engine.bundle.verification import VerifiedBundle, digest_of, verify
from engine.domain import catalogue
from engine.domain.catalogue import Release
from engine.domain.errors import Conflict, KeelyardError

_IN_BIN = {
    "kubernetes": ("kubeadm", "kubelet", "kubectl"),
    "containerd": ("containerd", "containerd-shim-runc-v2", "ctr"),
    "runc": ("runc",),
    "crictl": ("crictl",),
}

SCANNERS = "scanners"


def default_path() -> Path:
    """Where a bundle is built when nothing else is said."""
    return content.home() / "bundle"


def build(
    to: Path | None = None, *, release: Release = catalogue.DEFAULT, report: Report = lambda _line: None
) -> VerifiedBundle:
    """Builds the bundle of `release` at `to` and returns it; `report` gets a line per step.

    A bundle with the same content that is already there is left as it is, with its date.

    Raises:
        Conflict: `to` is something else than a bundle.
        MissingTool: a compiler, library or tool is not installed.
        BuildFailed: a part cannot be had or built.
    """
    target = (to or default_path()).absolute()
    _refuse_foreign(target)
    cache = Cache(content.cache() / "bundle")
    with cache.locked(lambda other: report(f"Another build is running (process {other}); waiting for it")):
        obtained = parts.obtain(cache, release, report)
        report(f"Assembling {target}")
        return _assemble(target, release, obtained)


def _refuse_foreign(target: Path) -> None:
    if not target.exists() or (target / MANIFEST).is_file():
        return
    if not target.is_dir() or any(target.iterdir()):
        raise Conflict(
            f"{target} exists and is not a bundle; it is left alone.", remedy="Name another folder with --to."
        )


def _files(release: Release, folders: Mapping[str, Path]) -> dict[str, Path]:
    """Source of each file by its path in the bundle."""
    placed = {f"bin/{p}": folders[name] / p for name, programs in _IN_BIN.items() for p in programs}
    plugins = next(component for component in go_components(release) if component.name == "cni-plugins")
    placed |= {f"cni/{plugin}": folders["cni-plugins"] / plugin for plugin in plugins.programs}
    placed["cni/flannel"] = folders["flannel-cni"] / "flannel-cni"
    placed |= {archive.file: folders[archive.file] / f"{archive.name}.tar" for archive in archives.ARCHIVES}
    placed[f"{SCANNERS}/{scanners.KUBE_BENCH}"] = folders[scanners.KUBE_BENCH] / scanners.KUBE_BENCH
    placed |= {f"{SCANNERS}/{name}": folders[scanners.CONTENT] / name for name in scanners.FILES}
    return placed


def _assemble(target: Path, release: Release, obtained: Obtained) -> VerifiedBundle:
    placed = _files(release, obtained.folders)
    manifest = Manifest(
        format=manifests.FORMAT,
        kubernetes_version=release.kubernetes,
        architecture=catalogue.ARCHITECTURE,
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        components=obtained.entries,
        files={name: _checksum(source) for name, source in placed.items()},
        images=tuple(entry for archive in archives.ARCHIVES for entry in archive.entries(release)),
    )
    # Before the comparison: without a public key nothing at the target could be verified.
    signing.obtain_private_key()
    if (present := _unchanged(target, manifest)) is not None:
        return present
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        write(partial, manifest, placed)
        _replace(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    # Not verified here: every byte was just hashed, and whoever uses it verifies it.
    return VerifiedBundle(target, digest_of(target), manifest)


def write(folder: Path, manifest: Manifest, placed: Mapping[str, Path]) -> None:
    """Fills the empty `folder`: the files in `placed`, manifest, checksums and their signature."""
    for name, source in placed.items():
        _place(source, folder / name, executable=name.startswith(("bin/", "cni/")))
    (folder / MANIFEST).write_bytes(manifest.encode())
    checksums = manifest.files | {MANIFEST: _checksum(folder / MANIFEST)}
    (folder / CHECKSUMS).write_bytes(manifests.encode_checksums(checksums))
    signature = signing.sign(signing.obtain_private_key(), (folder / CHECKSUMS).read_bytes())
    (folder / SIGNATURE).write_bytes(signature)
    folder.chmod(0o755)


def _unchanged(target: Path, manifest: Manifest) -> VerifiedBundle | None:
    """The bundle at `target` when it holds and has just this content."""
    try:
        present = verify(target)
    except KeelyardError:
        return None
    return present if present.manifest.is_same_content(manifest) else None


def _place(source: Path, destination: Path, *, executable: bool) -> None:
    # Copied, not linked: damage to a bundle must not reach the cache.
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)
    destination.chmod(0o755 if executable else 0o644)


def _replace(partial: Path, target: Path) -> None:
    if not target.exists():
        partial.rename(target)
        return
    old = partial.with_name(f"{partial.name}-old")
    target.rename(old)
    partial.rename(target)
    shutil.rmtree(old)


def _checksum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
