"""The scanners a bundle carries for nodes: kube-bench with its checks, Lynis, and SCAP content.

What comes from Debian is fetched from its unstable suite, the only one with content for current releases,
and is checked by the signature of Debian's index. It is data and shell scripts that need nothing else of
that suite. Content for the RHEL family comes with the nodes' own packages.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from engine.bundle import debian_root, toolchain
from engine.bundle.cache import key_of
from engine.bundle.errors import BuildFailed

CONTENT = "scanner-content"
SUITE = "sid"
KUBE_BENCH = "kube-bench.tar.gz"
LYNIS = "lynis.tar.gz"
SYSTEMS = ("debian12", "debian13", "ubuntu2204")
FILES = (LYNIS, *(f"ssg-{system}-ds.xml.gz" for system in SYSTEMS))
#: The oldest version that will do; Debian's index says which newer one it is.
OLDEST = {"lynis": "3.1.4", "ssg-debderived": "0.1.82", "ssg-debian": "0.1.82"}

_RECIPE = "1"
_VERSIONS = "versions.json"
_CONTENT_FOLDER = "usr/share/xml/scap/ssg/content"
# Place in Debian's package by place in our archive, where Lynis finds it beside itself.
_LYNIS_FILES = {
    "usr/sbin/lynis": "lynis",
    "usr/share/lynis/": "",
    "etc/lynis/default.prf": "default.prf",
    "etc/lynis/plugins/": "plugins/",
    "usr/share/doc/lynis/copyright": "copyright",
}


def key() -> str:
    """Cache key of what comes from Debian."""
    return key_of([_RECIPE, SUITE, *(f"{name}={version}" for name, version in sorted(OLDEST.items()))])


def packed_key(kube_bench: str) -> str:
    """Cache key of the packed kube-bench, by that of the built one."""
    return key_of([_RECIPE, kube_bench])


def build(into: Path) -> None:
    """Fetches Lynis and the SCAP content and packs them as `FILES`.

    Raises:
        BuildFailed: the mirror cannot be reached, or what it has is too old.
    """
    with tempfile.TemporaryDirectory(prefix="keelyard-") as scratch:
        root = Path(scratch) / debian_root.ARCHIVE
        _fetch(root)
        take(root, into)


def _fetch(root: Path) -> None:
    mirror = os.environ.get("KEELYARD_DEBIAN_MIRROR", debian_root.MIRROR)
    command = ["mmdebstrap", "--quiet", "--variant=extract", "--architectures=amd64"]
    # A machine behind a frozen mirror has been told so; its word counts here as for its own packages.
    command += [f'--aptopt=Acquire::Check-Valid-Until "{_apt_setting("Acquire::Check-Valid-Until", "true")}"']
    command += [f"--include={','.join(OLDEST)}", SUITE, str(root), mirror]
    toolchain.run(command, environment=os.environ | {"SOURCE_DATE_EPOCH": "0"})


def _apt_setting(name: str, otherwise: str) -> str:
    asked = subprocess.run(
        ["apt-config", "shell", "found", name], capture_output=True, text=True, check=False
    )
    found = re.fullmatch(r"found='(\w+)'", asked.stdout.strip())
    return found[1] if found else otherwise


def take(root: Path, into: Path) -> None:
    """Packs what is wanted out of the archive of an extracted root.

    Raises:
        BuildFailed: a file is missing or a package too old.
    """
    versions = debian_root.package_versions(root, OLDEST)
    for name, oldest in OLDEST.items():
        if _numbers(versions.get(name, "")) < _numbers(oldest):
            raise BuildFailed(
                f"The mirror has {name} {versions.get(name, 'in no version')}; {oldest} or newer is needed.",
                remedy="Name a mirror with Debian's current unstable suite in KEELYARD_DEBIAN_MIRROR.",
            )
    with tarfile.open(root) as archive:
        for name in FILES[1:]:
            packed = _member(archive, f"{_CONTENT_FOLDER}/{name.removesuffix('.gz')}")
            (into / name).write_bytes(gzip.compress(packed, mtime=0))
        _pack(into / LYNIS, _lynis(archive), "lynis")
    (into / _VERSIONS).write_bytes(msgspec.json.encode(versions))


def package_versions(folder: Path) -> Mapping[str, str]:
    """Version of each of Debian's packages in a folder that `build` filled."""
    return msgspec.json.decode((folder / _VERSIONS).read_bytes(), type=dict[str, str])


def pack_kube_bench(built: Path, into: Path) -> None:
    """Packs the folder of the built kube-bench, checks and licence included."""
    files = {path.relative_to(built).as_posix(): path for path in built.rglob("*") if path.is_file()}
    _pack(into / KUBE_BENCH, {name: path.read_bytes() for name, path in files.items()}, "kube-bench")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("-")[0]))


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        stream = archive.extractfile(f"./{name}")
    except KeyError:
        stream = None
    if stream is None:
        raise BuildFailed(f"Debian's packages have no {name} any more.", remedy="Use a newer Keelyard.")
    return stream.read()


def _lynis(archive: tarfile.TarFile) -> dict[str, bytes]:
    placed = dict(_placed(archive))
    if "lynis" not in placed:
        raise BuildFailed("Debian's package of Lynis has no lynis any more.", remedy="Use a newer Keelyard.")
    return placed


def _placed(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive.getmembers():
        name = member.name.removeprefix("./")
        for source, target in _LYNIS_FILES.items():
            if member.isreg() and (name == source or (source.endswith("/") and name.startswith(source))):
                yield target + name.removeprefix(source), _member(archive, name)


def _pack(target: Path, files: Mapping[str, bytes], program: str) -> None:
    """Writes `files`, one of them a program, as a packed archive that depends on nothing but them."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name == program else 0o644
            archive.addfile(entry, io.BytesIO(content))
