"""The Debian root that kube-proxy and flannel stand on: iptables, nft, conntrack and what they link to."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.bundle import images, toolchain
from engine.bundle.cache import key_of

SUITE = "trixie"
PACKAGES = (
    "ca-certificates",
    "conntrack",
    "coreutils",
    "dash",
    "ipset",
    "iproute2",
    "iptables",
    "kmod",
    "netbase",
    "nftables",
)
ARCHIVE = "root.tar"
MIRROR = "http://deb.debian.org/debian"
_LEFT_OUT = (
    "dev/",
    "usr/include/",
    "usr/lib/x86_64-linux-gnu/gconv/",
    "usr/share/bash-completion/",
    "usr/share/doc/",
    "usr/share/info/",
    "usr/share/lintian/",
    "usr/share/locale/",
    "usr/share/man/",
    "usr/share/perl5/",
    "var/cache/",
    "var/lib/apt/",
    "var/log/",
)
_TOP_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
_TABLES = tuple(
    f"{family}{verb}" for family in ("iptables", "ip6tables") for verb in ("", "-save", "-restore")
)


def key() -> str:
    """Cache key of the root. Debian's own updates come with the next change of it, or of the cache."""
    return key_of(["1", SUITE, *PACKAGES])


def build(into: Path) -> None:
    """Fetches the root as `root.tar`. `KEELYARD_DEBIAN_MIRROR` names another mirror than Debian's own.

    Raises:
        BuildFailed: the mirror cannot be reached or lacks a package.
    """
    mirror = os.environ.get("KEELYARD_DEBIAN_MIRROR", MIRROR)
    command = ["mmdebstrap", "--quiet", "--variant=extract", "--architectures=amd64"]
    command += [f"--include={','.join(PACKAGES)}", SUITE, str(into / ARCHIVE), mirror]
    toolchain.run(command, environment=os.environ | {"SOURCE_DATE_EPOCH": "0"})


def certificates(archive: Path) -> bytes:
    """The certificate authorities of the root as one PEM file."""
    with tarfile.open(archive) as root:
        found = sorted(
            name for name in root.getnames() if re.search(r"ca-certificates/mozilla/.*\.crt$", name)
        )
        return b"".join(_content(root, root.getmember(name)).strip() + b"\n" for name in found)


def package_versions(archive: Path, packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Version of `packages` (those we asked for), where the root tells it."""
    # An extracted root has no package database; the first line of a package's changelog names its version.
    versions: dict[str, str] = {}
    with tarfile.open(archive) as root:
        for name in set(packages):
            for changelog in ("changelog.Debian.gz", "changelog.gz"):
                with contextlib.suppress(KeyError):
                    packed = _content(root, root.getmember(f"./usr/share/doc/{name}/{changelog}"))
                    if found := re.match(rb"\S+ \(([^)]+)\)", gzip.decompress(packed)):
                        versions.setdefault(name, found[1].decode())
    return versions


def layer_entries(archive: Path) -> Iterator[images.Entry]:
    """The root as image entries: without documents, times and devices, with the links Debian would make."""
    taken: dict[str, images.Entry] = {
        entry.name: (entry, content) for entry, content in images.base_entries(certificates(archive))
    }
    with tarfile.open(archive) as root:
        for member in root:
            if (made := _entry(root, member)) and made[0].name not in taken:
                taken[made[0].name] = made
    for name, target in _TOP_LINKS.items():
        taken.setdefault(name, images.link(name, target))
    for table in _TABLES:
        taken.setdefault(f"usr/sbin/{table}", images.link(f"usr/sbin/{table}", "xtables-nft-multi"))
    yield from taken.values()


def _content(root: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The bytes of a file or of the file it is a hard link to; nothing for all else."""
    stream = root.extractfile(member) if member.isreg() or member.islnk() else None
    return stream.read() if stream else b""


def _entry(root: tarfile.TarFile, member: tarfile.TarInfo) -> images.Entry | None:
    name = member.name.removeprefix("./").rstrip("/")
    is_wanted = member.isreg() or member.islnk() or member.isdir() or member.issym()
    if name in {"", "."} or f"{name}/".startswith(_LEFT_OUT) or not is_wanted:
        return None
    content = _content(root, member)
    entry = tarfile.TarInfo(name)
    entry.mode = member.mode
    entry.uid, entry.gid = member.uid, member.gid
    entry.size = len(content)
    # A hard link becomes a file of its own: sorting may put it before what it points to.
    entry.type = tarfile.REGTYPE if member.islnk() else member.type
    entry.linkname = member.linkname if member.issym() else ""
    return entry, content
