"""Builds a bundle: obtains every component, from the cache where it can, and puts them in one folder."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from engine import content
from engine.bundle import archives, compiling, debian_root, signing, toolchain
from engine.bundle import manifest as manifests
from engine.bundle.cache import Cache
from engine.bundle.components import GoComponent, go_components
from engine.bundle.manifest import CHECKSUMS, MANIFEST, SIGNATURE, ComponentEntry, Manifest
from engine.bundle.verification import VerifiedBundle, digest_of, verify
from engine.domain import catalogue
from engine.domain.catalogue import Release
from engine.domain.errors import Conflict, KeelyardError

Report = Callable[[str], None]

_IN_BIN = {
    "kubernetes": ("kubeadm", "kubelet", "kubectl"),
    "containerd": ("containerd", "containerd-shim-runc-v2", "ctr"),
    "runc": ("runc",),
    "crictl": ("crictl",),
}


class _Built(msgspec.Struct, frozen=True):
    """The obtained components: folder by name, and how the manifest lists them."""

    folders: Mapping[str, Path]
    entries: tuple[ComponentEntry, ...]


def default_path() -> Path:
    """Where a bundle is built when nothing else is said."""
    return content.home() / "bundle"


def build(
    to: Path | None = None, *, release: Release = catalogue.DEFAULT, report: Report = lambda _line: None
) -> VerifiedBundle:
    """Builds the bundle of `release` at `to` and returns it verified; `report` gets a line per step.

    A bundle with the same content that is already there is left as it is, with its date.

    Raises:
        Conflict: another build is running, or `to` is a folder that is no bundle.
        MissingTool: a compiler, library or tool is not installed.
        BuildFailed: a component cannot be had or built.
    """
    target = (to or default_path()).absolute()
    _refuse_foreign(target)
    cache = Cache(content.cache() / "bundle")
    with cache.locked():
        built = _obtain(cache, release, report)
        report(f"Assembling {target}")
        return _assemble(target, release, built)


def _refuse_foreign(target: Path) -> None:
    if (
        target.exists()
        and not (target / MANIFEST).is_file()
        and (not target.is_dir() or any(target.iterdir()))
    ):
        raise Conflict(
            f"{target} exists and is not a bundle; it is left alone.", remedy="Name another folder with --to."
        )


def _obtain(cache: Cache, release: Release, report: Report) -> _Built:
    components = go_components(release)
    kubernetes = components[0]
    keys = {component.name: compiling.key(component) for component in components}
    keys |= {"pause": compiling.pause_key(kubernetes, release.pause), "debian-root": debian_root.key()}
    versions = {component.name: component.version for component in components}
    versions |= {"pause": release.pause, "debian-root": debian_root.SUITE}
    names = {name: f"{name}-{versions[name]}" for name in keys}
    missing = {name for name in keys if not cache.has(names[name], keys[name])}
    go = _require_tools(missing, components)
    makers: dict[str, Callable[[Path], None]] = {
        component.name: lambda into, one=component: compiling.build(one, go, into)  # type: ignore[misc]
        for component in components
    }
    makers["pause"] = lambda into: compiling.build_pause(kubernetes, release.pause, go, into)
    makers["debian-root"] = debian_root.build
    folders = {}
    for name, make in makers.items():
        with _reported(f"Building {names[name]}" if name in missing else "", report):
            folders[name] = cache.obtain(names[name], keys[name], make)
    for archive in archives.ARCHIVES:
        folders[archive.file] = _obtain_archive(cache, archive, release, keys, folders, report)
    return _Built(folders, tuple(_entries(components, release, folders)))


def _obtain_archive(
    cache: Cache,
    archive: archives.Archive,
    release: Release,
    keys: Mapping[str, str],
    folders: Mapping[str, Path],
    report: Report,
) -> Path:
    key = archives.key(archive, keys, release)
    name = f"images-{archive.name}"
    with _reported("" if cache.has(name, key) else f"Writing images/{archive.name}.tar", report):
        return cache.obtain(name, key, lambda into: archives.build(archive, release, folders, into))


def _require_tools(missing: set[str], components: list[GoComponent]) -> str:
    """Checks everything the missing components need before any of them is begun; returns the Go client."""
    to_compile = [component for component in components if component.name in missing]
    toolchain.require_packages(
        c_compiler="pause" in missing or any(component.cgo for component in to_compile),
        seccomp="runc" in missing,
        debian_roots="debian-root" in missing,
    )
    if not to_compile and "pause" not in missing:
        return ""
    return toolchain.require_go(to_compile or components[:1])


@contextlib.contextmanager
def _reported(line: str, report: Report) -> Iterator[None]:
    """Says what is begun and how long it took; says nothing for an empty line."""
    if not line:
        yield
        return
    begun = datetime.datetime.now(datetime.UTC)
    report(f"{line} ...")
    yield
    seconds = (datetime.datetime.now(datetime.UTC) - begun).total_seconds()
    report(f"{line}: done in {seconds:.0f} s")


def _entries(
    components: list[GoComponent], release: Release, folders: Mapping[str, Path]
) -> Iterator[ComponentEntry]:
    for component in components:
        yield ComponentEntry(component.name, component.version, component.origin)
    yield ComponentEntry("pause", release.pause, f"k8s.io/kubernetes@v{release.kubernetes}")
    packages = debian_root.package_versions(folders["debian-root"] / debian_root.ARCHIVE)
    listed = " ".join(f"{name}={version}" for name, version in sorted(packages.items()))
    yield ComponentEntry("debian-root", debian_root.SUITE, f"debian {listed}")


def _files(release: Release, built: _Built) -> dict[str, Path]:
    """Source of each file by its path in the bundle."""
    placed = {f"bin/{p}": built.folders[name] / p for name, programs in _IN_BIN.items() for p in programs}
    plugins = next(component for component in go_components(release) if component.name == "cni-plugins")
    placed |= {f"cni/{plugin}": built.folders["cni-plugins"] / plugin for plugin in plugins.programs}
    placed["cni/flannel"] = built.folders["flannel-cni"] / "flannel-cni"
    placed |= {
        archive.file: built.folders[archive.file] / f"{archive.name}.tar" for archive in archives.ARCHIVES
    }
    return placed


def _assemble(target: Path, release: Release, built: _Built) -> VerifiedBundle:
    placed = _files(release, built)
    manifest = Manifest(
        format=manifests.FORMAT,
        kubernetes_version=release.kubernetes,
        architecture=catalogue.ARCHITECTURE,
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        components=built.entries,
        files={name: _checksum(source) for name, source in placed.items()},
        images=tuple(entry for archive in archives.ARCHIVES for entry in archive.entries(release)),
    )
    key = signing.obtain_private_key()
    if (present := _unchanged(target, manifest)) is not None:
        return present
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name, source in placed.items():
            _place(source, partial / name, executable=not name.startswith("images/"))
        (partial / MANIFEST).write_bytes(manifest.encode())
        checksums = manifest.files | {MANIFEST: _checksum(partial / MANIFEST)}
        (partial / CHECKSUMS).write_bytes(manifests.encode_checksums(checksums))
        (partial / SIGNATURE).write_bytes(signing.sign(key, (partial / CHECKSUMS).read_bytes()))
        partial.chmod(0o755)
        _replace(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    # Not verified again: every byte was just hashed, and readers verify before use.
    return VerifiedBundle(target, digest_of(target), manifest)


def _unchanged(target: Path, manifest: Manifest) -> VerifiedBundle | None:
    """The bundle at `target` when it holds and has just this content."""
    try:
        present = verify(target)
    except KeelyardError:
        return None
    return present if present.manifest.is_same_content(manifest) else None


def _place(source: Path, destination: Path, *, executable: bool) -> None:
    # Copied, not linked: damage to a bundle must not reach the cache.
    destination.parent.mkdir(exist_ok=True)
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
