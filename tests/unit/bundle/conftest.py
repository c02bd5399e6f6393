"""A small signed bundle in a home of its own; no compiler runs."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from engine.bundle import build
from engine.bundle.manifest import ComponentEntry, ImageEntry, Manifest

FILES = {"bin/kubeadm": b"kubeadm", "cni/bridge": b"bridge", "images/node.tar": b"images"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KEELYARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "home"


def manifest_of(files: dict[str, bytes]) -> Manifest:
    return Manifest(
        format=1,
        kubernetes_version="1.36.4",
        architecture="amd64",
        created_at="2026-01-01T00:00:00Z",
        components=(ComponentEntry("kubernetes", "1.36.4", "k8s.io/kubernetes@v1.36.4"),),
        files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        images=(ImageEntry("registry.k8s.io/pause:3.10.2", "images/node.tar", ("control-plane", "node")),),
    )


@pytest.fixture
def bundle(tmp_path: Path, home: Path) -> Path:
    placed = {}
    for name, content in FILES.items():
        placed[name] = tmp_path / "made" / name
        placed[name].parent.mkdir(parents=True)
        placed[name].write_bytes(content)
    folder = home / "bundle"
    folder.mkdir(parents=True)
    build.write(folder, manifest_of(FILES), placed)
    return folder


def write_files(path: Path, files: dict[str, bytes]) -> Path:
    """An archive as mmdebstrap writes it, with plain files."""
    with tarfile.open(path, "w") as root:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mtime = len(content), 1_700_000_000
            root.addfile(entry, io.BytesIO(content))
    return path


def changelog(package: str, version: str) -> bytes:
    """The packed changelog of a package at `version`."""
    return gzip.compress(f"{package} ({version}) unstable; x\n".encode())


def write_scanners(path: Path, content_version: str = "0.1.82-1") -> Path:
    """What mmdebstrap extracts of the scanners, as far as it is looked at."""
    return write_files(
        path,
        {
            "usr/sbin/lynis": b"#!/bin/sh\n",
            "usr/share/lynis/include/consts": b"consts",
            "usr/share/lynis/db/languages/en": b"words",
            "etc/lynis/default.prf": b"profile",
            "usr/share/doc/lynis/changelog.Debian.gz": changelog("lynis", "3.1.7-1"),
            "usr/share/doc/ssg-debian/changelog.Debian.gz": changelog("ssg-debian", content_version),
            "usr/share/doc/ssg-debderived/changelog.Debian.gz": changelog("ssg-debderived", "0.1.82-1"),
            "usr/share/xml/scap/ssg/content/ssg-ubuntu2204-ds.xml": b"<jammy/>",
            "usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml": b"<twelve/>",
            "usr/share/xml/scap/ssg/content/ssg-debian13-ds.xml": b"<thirteen/>",
        },
    )


def write_root(path: Path) -> Path:
    """A root as mmdebstrap extracts it, as far as the rules look at it."""
    with tarfile.open(path, "w") as root:
        for name, content in {
            "./usr/share/ca-certificates/mozilla/B.crt": b"second\n",
            "./usr/share/ca-certificates/mozilla/A.crt": b"first",
            "./usr/sbin/xtables-nft-multi": b"tables",
            "./usr/share/doc/iptables/changelog.Debian.gz": gzip.compress(
                b"iptables (1.8.11-2) unstable; x\n"
            ),
        }.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), 1_700_000_000
            root.addfile(entry, io.BytesIO(content))
        hard = tarfile.TarInfo("./usr/bin/again")
        hard.type, hard.linkname = tarfile.LNKTYPE, "./usr/sbin/xtables-nft-multi"
        root.addfile(hard)
        device = tarfile.TarInfo("./usr/null")
        device.type = tarfile.CHRTYPE
        root.addfile(device)
    return path
