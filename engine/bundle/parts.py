"""Obtains everything a bundle is assembled from: out of the cache, or built after a look at the tools."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from engine.bundle import archives, compiling, debian_root, scanners, toolchain
from engine.bundle.cache import Cache
from engine.bundle.components import GoComponent, go_components
from engine.bundle.manifest import ComponentEntry
from engine.domain.catalogue import Release

Report = Callable[[str], None]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is built and cached as a whole; `make` gets the Go client and the folder to fill."""

    name: str
    version: str
    source: str
    key: str
    make: Callable[[str, Path], None]

    @property
    def label(self) -> str:
        """Name and version, as the operator and the cache see it."""
        return f"{self.name}-{self.version}"


class Obtained(msgspec.Struct, frozen=True):
    """Where the parts and (by path in the bundle) the image archives are, and the manifest's list of them."""

    folders: Mapping[str, Path]
    entries: tuple[ComponentEntry, ...]


def all_parts(release: Release) -> list[Part]:
    """Every part of `release` but the image archives, which are made of them."""
    components = go_components(release)
    kubernetes = components[0]
    compiled = [
        Part(
            name=component.name,
            version=component.version,
            source=component.origin,
            key=compiling.key(component),
            make=partial(compiling.build, component),
        )
        for component in components
    ]
    pause = Part(
        name="pause",
        version=release.pause,
        source=kubernetes.origin,
        key=compiling.pause_key(kubernetes, release.pause),
        make=partial(compiling.build_pause, kubernetes, release.pause),
    )
    root = Part(
        name="debian-root",
        version=debian_root.SUITE,
        source="debian",
        key=debian_root.key(),
        make=lambda _go, into: debian_root.build(into),
    )
    content = Part(
        name=scanners.CONTENT,
        version=scanners.SUITE,
        source="debian",
        key=scanners.key(),
        make=lambda _go, into: scanners.build(into),
    )
    return [*compiled, pause, root, content]


def obtain(cache: Cache, release: Release, report: Report) -> Obtained:
    """All parts and image archives of `release`; `report` gets a line per thing that has to be built.

    Raises:
        MissingTool: what has to be built needs a tool that is not installed; nothing was begun.
        BuildFailed: a part cannot be had or built.
    """
    parts = all_parts(release)
    missing = {part.name for part in parts if not cache.has(part.label, part.key)}
    go = _require_tools(missing, go_components(release))
    folders: dict[str, Path] = {}
    for part in parts:
        with _reported(f"Building {part.label}" if part.name in missing else "", report):
            folders[part.name] = cache.obtain(part.label, part.key, partial(part.make, go))
    keys = {part.name: part.key for part in parts}
    folders[scanners.KUBE_BENCH] = cache.obtain(
        "scanner-kube-bench",
        scanners.packed_key(keys["kube-bench"]),
        partial(scanners.pack_kube_bench, folders["kube-bench"]),
    )
    for archive in archives.ARCHIVES:
        name, key = f"images-{archive.name}", archives.key(archive, keys, release)
        with _reported("" if cache.has(name, key) else f"Writing {archive.file}", report):
            folders[archive.file] = cache.obtain(
                name, key, partial(archives.build, archive, release, dict(folders))
            )
    return Obtained(folders, tuple(_entry(part, folders[part.name]) for part in parts))


def _entry(part: Part, folder: Path) -> ComponentEntry:
    if part.source != "debian":
        return ComponentEntry(part.name, part.version, part.source)
    if part.name == scanners.CONTENT:
        packages = scanners.package_versions(folder)
    else:
        packages = debian_root.package_versions(folder / debian_root.ARCHIVE)
    listed = " ".join(f"{name}={version}" for name, version in sorted(packages.items()))
    return ComponentEntry(part.name, part.version, f"{part.source} {listed}")


def _require_tools(missing: set[str], components: list[GoComponent]) -> str:
    """Checks everything the missing parts need before any of them is begun; returns the Go client."""
    to_compile = [component for component in components if component.name in missing]
    toolchain.require_packages(
        c_compiler="pause" in missing or any(component.cgo for component in to_compile),
        seccomp="runc" in missing,
        debian_roots=bool({"debian-root", scanners.CONTENT} & missing),
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
    begun = time.monotonic()
    report(f"{line} ...")
    yield
    report(f"{line}: done in {time.monotonic() - begun:.0f} s")
